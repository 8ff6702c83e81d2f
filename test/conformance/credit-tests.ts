import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FILE_ALL_ACCESS } from '../../src/dtyp/access-mask.ts';
import { STATUS_INVALID_PARAMETER, STATUS_SUCCESS } from '../../src/erref/ntstatus.ts';
import {
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_IF,
} from '../../src/fscc/create-parameters.ts';
import { FSCTL_SRV_REQUEST_RESUME_KEY } from '../../src/fscc/fsctl.ts';
import type { ClientOpen } from '../../src/smb2/client/open.ts';
import { type HeaderFields, withHeader } from '../../src/smb2/client/request.ts';
import { echoRequest } from '../../src/smb2/client/requests.ts';
import { writeRequest } from '../../src/smb2/client/transfer-requests.ts';
import {
  expectDisconnect,
  expectStatus,
  type GetTarget,
  logOnAt,
  negotiated,
  opened,
  uniqueName,
} from './peer.ts';

const CREDIT_SIZE = 65_536;

export function creditTests(target: GetTarget): void {
  describe('[MS-SMB2] 3.3.5.2.3 Verifying the Sequence Number', () => {
    const echoWith = (header: HeaderFields): ReturnType<typeof echoRequest> =>
      withHeader(echoRequest(), header);

    it('disconnects a client that uses a message id again', async () => {
      const connection = await negotiated(target());
      await connection.echo();
      void connection.call(echoWith({ messageId: connection.nextMessageId - 1n }));
      await expectDisconnect(connection);
    });

    it('disconnects a client that uses a message id it has no credit for', async () => {
      const connection = await negotiated(target());
      const beyond = connection.nextMessageId + BigInt(connection.creditsAvailable);
      void connection.call(echoWith({ messageId: beyond }));
      await expectDisconnect(connection);
    });

    it('disconnects a client whose CreditCharge exceeds its credits', async () => {
      const connection = await negotiated(target());
      const { nextMessageId: messageId, creditsAvailable } = connection;
      void connection.call(echoWith({ messageId, creditCharge: creditsAvailable + 1 }));
      await expectDisconnect(connection);
    });

    it('takes message ids of the window in any order', async () => {
      const { connection, session } = await logOnAt(target());
      const { channel } = session;
      const first = connection.nextMessageId;
      assert.ok(connection.creditsAvailable >= 8);
      for (const offset of [5n, 0n, 7n, 3n]) {
        const request = echoWith({ messageId: first + offset });
        expectStatus(await connection.call(request, { channel }), STATUS_SUCCESS);
      }
    });

    it('takes every id of a multi-credit request out of the window', async () => {
      const { connection, session } = await logOnAt(target());
      const { channel } = session;
      const first = connection.nextMessageId;
      const wide = echoWith({ messageId: first, creditCharge: 4 });
      expectStatus(await connection.call(wide, { channel }), STATUS_SUCCESS);
      void connection.call(echoWith({ messageId: first + 3n }), { channel });
      await expectDisconnect(connection);
    });

    it('takes a CreditCharge of 0 for 1', async () => {
      const { connection } = await logOnAt(target());
      const first = connection.nextMessageId;
      const none = echoWith({ messageId: first, creditCharge: 0 });
      expectStatus(await connection.call(none), STATUS_SUCCESS);
      expectStatus(await connection.call(echoWith({ messageId: first + 1n })), STATUS_SUCCESS);
    });
  });

  describe('[MS-SMB2] 3.3.1.2 Algorithm for the Granting of Message Credits', () => {
    it('grants what a logged-on client asks for, within reason', async () => {
      const { connection, session } = await logOnAt(target());
      const { channel } = session;
      const reply = await connection.call(withHeader(echoRequest(), { credits: 64 }), { channel });
      assert.ok(reply.header!.credits >= 1);
      assert.ok(reply.header!.credits <= 64);
    });

    it('never leaves a client without credits', async () => {
      const { connection, session } = await logOnAt(target(), {
        connection: { creditsTarget: 1 },
      });
      for (let i = 0; i < 50; i++) {
        const reply = await connection.echo({ channel: session.channel });
        expectStatus(reply, STATUS_SUCCESS);
        assert.ok(connection.creditsAvailable >= 1);
      }
    });
  });

  describe('[MS-SMB2] 3.3.5.2.5 Verifying the Credit Charge and the Payload Size', () => {
    const oversized: readonly (readonly [string, Attempt])[] = [
      ['READ', ({ file }, header) => file.read({ offset: 0, length: CREDIT_SIZE + 1 }, { header })],
      [
        'WRITE',
        // In the message, whatever the transport: beside it, data is not what the charge is for.
        ({ file: { fileId, tree } }, header) => {
          const data = new Uint8Array(CREDIT_SIZE + 1);
          return tree.call(writeRequest({ fileId, offset: 0, data }), { header });
        },
      ],
      [
        'QUERY_INFO',
        ({ file }, header) =>
          file.queryInfo({ fileInfoClass: 18, outputBufferLength: CREDIT_SIZE + 1 }, { header }),
      ],
      [
        'QUERY_DIRECTORY',
        ({ folder }, header) =>
          folder.queryDirectory(
            { fileInformationClass: 37, outputBufferLength: CREDIT_SIZE + 1 },
            { header },
          ),
      ],
      [
        'IOCTL',
        ({ file }, header) =>
          file.ioctl(
            { ctlCode: FSCTL_SRV_REQUEST_RESUME_KEY, maxOutputResponse: CREDIT_SIZE + 1 },
            { header },
          ),
      ],
    ];
    for (const [name, attempt] of oversized) {
      it(`fails a ${name} of more than 64 KiB and one credit`, async () => {
        const opens = await opensOf(target);
        const reply = await attempt(opens, { creditCharge: 1 });
        expectStatus(reply, STATUS_INVALID_PARAMETER);
        const enough = await attempt(opens, { creditCharge: 2 });
        expectStatus(enough, STATUS_SUCCESS);
        await opens.file.close();
      });
    }
  });
}

interface Opens {
  readonly file: ClientOpen;
  readonly folder: ClientOpen;
}

type Attempt = (opens: Opens, header: HeaderFields) => PromiseLike<{ readonly status: number }>;

async function opensOf(target: GetTarget): Promise<Opens> {
  const { tree } = await logOnAt(target());
  const file = await opened(tree, {
    name: uniqueName('credits'),
    desiredAccess: FILE_ALL_ACCESS,
    createDisposition: FILE_OPEN_IF,
    createOptions: FILE_DELETE_ON_CLOSE,
  });
  await file.write({ offset: 0, data: Uint8Array.of(1) });
  const folder = await opened(tree, {
    name: '',
    desiredAccess: FILE_ALL_ACCESS & ~0x0001_0000,
    shareAccess: 7,
    createDisposition: FILE_OPEN,
    createOptions: FILE_DIRECTORY_FILE,
  });
  return { file, folder };
}
