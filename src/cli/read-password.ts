/** Passwords come from the terminal, unseen, or from stdin: never from the command line. */
import { createInterface } from 'node:readline';
import { CommandError } from './command-error.ts';

const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const BACKSPACE = ['\u007f', '\b'];
const ENTER = ['\r', '\n'];

/** Asks twice on a terminal; takes the first line of stdin otherwise. Never empty. */
export async function readNewPassword(user: string): Promise<string> {
  const password = process.stdin.isTTY ? await askTwice(user) : await firstLine();
  if (password === '') throw new CommandError('an empty password is refused');
  return password;
}

async function askTwice(user: string): Promise<string> {
  const first = await ask(`Password for ${user}: `);
  const second = await ask('Once more: ');
  if (first !== second) throw new CommandError('the two passwords differ; nothing was changed');
  return first;
}

async function firstLine(): Promise<string> {
  const lines = createInterface({ input: process.stdin, terminal: false });
  for await (const line of lines) return line;
  throw new CommandError('expected the password on stdin');
}

/** Reads one line from the terminal without showing it. */
function ask(prompt: string): Promise<string> {
  const { stdin, stderr } = process;
  stderr.write(prompt);
  stdin.setRawMode(true);
  stdin.setEncoding('utf8');
  stdin.resume();
  return new Promise((resolve, reject) => {
    let line = '';
    const finish = () => {
      stdin.setRawMode(false);
      stdin.pause();
      stdin.off('data', typed);
      stderr.write('\n');
    };
    const typed = (text: string) => {
      for (const character of text) {
        if (ENTER.includes(character)) {
          finish();
          resolve(line);
          return;
        }
        if (character === CTRL_C || character === CTRL_D) {
          finish();
          reject(new CommandError('cancelled'));
          return;
        }
        line = BACKSPACE.includes(character) ? line.slice(0, -1) : line + character;
      }
    };
    stdin.on('data', typed);
  });
}
