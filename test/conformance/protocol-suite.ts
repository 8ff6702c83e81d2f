/**
 * What a server must do by [MS-SMB2] 3.3, told through the client's low level: one `describe` per
 * section, one `it` per condition and outcome. The server has the shares `target.share` (writable),
 * `share_enc` (encryption required) and the accounts that `target` names.
 */
import { afterEach, describe } from 'node:test';
import { appleStreamTests } from './apple-stream-tests.ts';
import { appleTests } from './apple-tests.ts';
import { breakWaitTests } from './break-wait-tests.ts';
import { compoundTests } from './compound-tests.ts';
import { createTests } from './create-tests.ts';
import { creditTests } from './credit-tests.ts';
import { deferredOpenTests } from './deferred-open-tests.ts';
import { directoryLeaseTests } from './directory-lease-tests.ts';
import { fileTests } from './file-tests.ts';
import { informationTests } from './information-tests.ts';
import { ioctlStoreTests } from './ioctl-store-tests.ts';
import { ioctlTests } from './ioctl-tests.ts';
import { negotiateTests } from './negotiate-tests.ts';
import { notifyTests } from './notify-tests.ts';
import { offloadTests } from './offload-tests.ts';
import { oplockTests } from './oplock-tests.ts';
import { closeConnections, type GetTarget } from './peer.ts';
import { posixTests } from './posix-tests.ts';
import { posixUnlinkTests } from './posix-unlink-tests.ts';
import { protectionTests } from './protection-tests.ts';
import { reparseTests } from './reparse-tests.ts';
import { sessionTests } from './session-tests.ts';

export function protocolSuite(title: string, target: GetTarget): void {
  describe(title, () => {
    afterEach(closeConnections);
    negotiateTests(target);
    creditTests(target);
    protectionTests(target);
    sessionTests(target);
    compoundTests(target);
    createTests(target);
    fileTests(target);
    informationTests(target);
    ioctlTests(target);
    offloadTests(target);
    ioctlStoreTests(target);
    reparseTests(target);
    notifyTests(target);
    oplockTests(target);
    breakWaitTests(target);
    deferredOpenTests(target);
    directoryLeaseTests(target);
    posixTests(target);
    posixUnlinkTests(target);
    appleTests(target);
    appleStreamTests(target);
  });
}
