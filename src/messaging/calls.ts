import type { MessageBus, MessageType } from './message-bus.ts';
import { int, type Shape, struct } from './shape.ts';

/** A question and its answer, declared once. */
export interface CallType<Q, A> {
  readonly name: string;
  readonly question: Shape<Q>;
  readonly answer: Shape<A>;
}

interface Numbered<T> {
  readonly number: number;
  readonly body: T;
}

/** Questions between processes. A peer that ends has answered none. */
export class BusCalls {
  readonly #bus: MessageBus;
  readonly #asked = new Map<
    number,
    { readonly to: string; readonly end: (answer?: never) => void }
  >();
  readonly #known = new Set<string>();
  #last = 0;

  constructor(bus: MessageBus) {
    this.#bus = bus;
    bus.watchPeers({
      joined: () => {},
      left: (serverId) => {
        for (const [number, { to, end }] of this.#asked) {
          if (to !== serverId) continue;
          this.#asked.delete(number);
          end();
        }
      },
    });
  }

  /** Undefined: the peer is gone, or went before it answered. */
  ask<Q, A>(to: string, type: CallType<Q, A>, body: Q): Promise<A | undefined> {
    if (!this.#known.has(type.name)) {
      this.#known.add(type.name);
      this.#bus.handle(answerOf(type), ({ number, body: answer }, from) => {
        const asked = this.#asked.get(number);
        if (asked?.to !== from) return;
        this.#asked.delete(number);
        asked.end(answer as never);
      });
    }
    const number = ++this.#last;
    return new Promise((resolve) => {
      this.#asked.set(number, { to, end: resolve });
      if (this.#bus.send(to, questionOf(type), { number, body })) return;
      this.#asked.delete(number);
      resolve(undefined);
    });
  }

  /** Each of these has to answer such questions. */
  async askAll<Q, A>(
    peers: readonly string[],
    type: CallType<Q, A>,
    body: Q,
  ): Promise<readonly A[]> {
    const answers = await Promise.all(peers.map((to) => this.ask(to, type, body)));
    return answers.filter((answer) => answer !== undefined) as readonly A[];
  }

  /** A bug in `answer` leaves the question open until this process ends; it should not throw. */
  answer<Q, A>(type: CallType<Q, A>, answer: (body: Q, from: string) => Promise<A> | A): void {
    this.#bus.handle(questionOf(type), ({ number, body }, from) => {
      void Promise.resolve(answer(body, from)).then((given) =>
        this.#bus.send(from, answerOf(type), { number, body: given }),
      );
    });
  }
}

function questionOf<Q, A>({ name, question }: CallType<Q, A>): MessageType<Numbered<Q>> {
  return { name: `${name}?`, shape: struct<Numbered<Q>>({ number: int, body: question }) };
}

function answerOf<Q, A>({ name, answer }: CallType<Q, A>): MessageType<Numbered<A>> {
  return { name: `${name}!`, shape: struct<Numbered<A>>({ number: int, body: answer }) };
}
