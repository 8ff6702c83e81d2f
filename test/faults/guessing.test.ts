/** Somebody guesses passwords, and does what he can to do so faster. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { STATUS_LOGON_FAILURE } from '../../src/erref/ntstatus.ts';
import { ClientSession } from '../../src/smb2/client/session.ts';
import { assertStatus, type Rig, turn, withRig } from './rig.ts';

const TIMEOUT_MS = 30_000;
/** The fourth failure is the first that is not free. */
const FIRST_DELAY_MS = 100;

/** A logon that is under way, and how it ended. */
async function begin(rig: Rig, password: string): Promise<{ status: number | undefined }> {
  const logon: { status: number | undefined } = { status: undefined };
  const connection = await rig.connect();
  void rig.tryLogOn(connection, password).then((status) => {
    logon.status = status;
  });
  await turns();
  return logon;
}

async function turns(): Promise<void> {
  for (let i = 0; i < 30; i++) await turn();
}

async function guessWrong(rig: Rig, count: number): Promise<void> {
  const connection = await rig.connect();
  for (let i = 0; i < count; i++) {
    assertStatus(await rig.tryLogOn(connection, `guess ${i}`), STATUS_LOGON_FAILURE);
  }
}

describe('base/limits.ts failedLogonDelayMs', { timeout: TIMEOUT_MS }, () => {
  it('is not shortened by an SMB2 CANCEL', async () => {
    await withRig({}, async (rig) => {
      await guessWrong(rig, 3);
      const session = new ClientSession(await rig.connect());
      const aborter = new AbortController();
      let status: number | undefined;
      const send = { signal: aborter.signal };
      void session.setup(rig.initiator('torture1', 'guess'), { send }).then((ended) => {
        status = ended.status;
      });
      await turns();
      aborter.abort();
      await turns();
      assert.equal(status, undefined);
      rig.time.advance(FIRST_DELAY_MS);
      await turns();
      assertStatus(status!, STATUS_LOGON_FAILURE);
    });
  });

  it('holds a right guess back as long as the wrong one before it', async () => {
    await withRig({}, async (rig) => {
      await guessWrong(rig, 3);
      const wrong = await begin(rig, 'guess');
      const right = await begin(rig, 'torture1pw');
      assert.deepEqual([wrong.status, right.status], [undefined, undefined]);
      rig.time.advance(FIRST_DELAY_MS);
      await turns();
      assertStatus(wrong.status!, STATUS_LOGON_FAILURE);
      assertStatus(right.status!, 0);
      assertStatus((await begin(rig, 'torture1pw')).status!, 0);
    });
  });

  it('answers a right guess among too many as a wrong one', async () => {
    await withRig({}, async (rig) => {
      await guessWrong(rig, 3);
      for (let i = 0; i < 20; i++) await begin(rig, `guess ${i}`);
      const right = await begin(rig, 'torture1pw');
      rig.time.advance(4 * rig.limits.failedLogonDelayMs);
      await turns();
      assertStatus(right.status!, STATUS_LOGON_FAILURE);
      assertStatus((await begin(rig, 'torture1pw')).status!, 0);
    });
  });
});
