/**
 * What a message may hold, said once: the sender's type, the receiver's check. A shape makes a
 * value into JSON and JSON into a value again, or tells that it is none.
 */
export interface Shape<T> {
  toJson(value: T): unknown;
  /** `INVALID` where the JSON is no such value; never throws. */
  fromJson(json: unknown): T | typeof INVALID;
}

export const INVALID: unique symbol = Symbol('invalid');

/** UTF-16 code units of a text that says nothing else: longer than any path. */
const TEXT_LENGTH_MAX = 128 * 1024;
const DECIMAL = /^\d{1,39}$/;

export const text: Shape<string> = {
  toJson: (value) => value,
  fromJson: (json) => (typeof json === 'string' && json.length <= TEXT_LENGTH_MAX ? json : INVALID),
};

/** Whole numbers that a number holds exactly. */
export const int: Shape<number> = {
  toJson: (value) => value,
  fromJson: (json) => (typeof json === 'number' && Number.isSafeInteger(json) ? json : INVALID),
};

export const flag: Shape<boolean> = {
  toJson: (value) => value,
  fromJson: (json) => (typeof json === 'boolean' ? json : INVALID),
};

/** Exactly so many; hexadecimal digits on the way. */
export function bytes(length: number): Shape<Uint8Array> {
  return {
    toJson: (value) => Buffer.from(value).toString('hex'),
    fromJson: (json) => {
      if (typeof json !== 'string' || json.length !== 2 * length) return INVALID;
      const value = new Uint8Array(Buffer.from(json, 'hex'));
      return value.length === length ? value : INVALID;
    },
  };
}

/** Unsigned; decimal digits on the way. */
export const u64: Shape<bigint> = unsigned(64);
export const u128: Shape<bigint> = unsigned(128);

function unsigned(bits: number): Shape<bigint> {
  const end = 1n << BigInt(bits);
  return {
    toJson: (value) => String(value),
    fromJson: (json) => {
      if (typeof json !== 'string' || !DECIMAL.test(json)) return INVALID;
      const value = BigInt(json);
      return value < end ? value : INVALID;
    },
  };
}

/** Anything that is JSON: for what its reader checks, or only passes on. */
export const json: Shape<unknown> = {
  toJson: (value) => value ?? null,
  fromJson: (value) => value,
};

export function oneOf<const T extends string>(values: readonly T[]): Shape<T> {
  return {
    toJson: (value) => value,
    fromJson: (value) => values.find((known) => known === value) ?? INVALID,
  };
}

/** Undefined is null on the way. */
export function optional<T>(shape: Shape<T>): Shape<T | undefined> {
  return {
    toJson: (value) => (value === undefined ? null : shape.toJson(value)),
    fromJson: (value) => (value === null ? undefined : shape.fromJson(value)),
  };
}

export function list<T>(shape: Shape<T>, lengthMax: number): Shape<readonly T[]> {
  return {
    toJson: (values) => values.map((value) => shape.toJson(value)),
    fromJson: (value) => {
      if (!Array.isArray(value) || value.length > lengthMax) return INVALID;
      const items: T[] = [];
      for (const one of value) {
        const item = shape.fromJson(one);
        if (item === INVALID) return INVALID;
        items.push(item);
      }
      return items;
    },
  };
}

type Fields<T> = { readonly [K in keyof T]-?: Shape<T[K]> };

/** Exactly these fields; others are left out on both ends. */
export function struct<T extends object>(fields: Fields<T>): Shape<T> {
  const names = Object.keys(fields) as (keyof T & string)[];
  return {
    toJson: (value) =>
      Object.fromEntries(names.map((name) => [name, fields[name].toJson(value[name])])),
    fromJson: (value) => {
      if (typeof value !== 'object' || value === null) return INVALID;
      const given = value as Readonly<Record<string, unknown>>;
      const made: Partial<T> = {};
      for (const name of names) {
        if (!Object.hasOwn(given, name)) return INVALID;
        const field = fields[name].fromJson(given[name]);
        if (field === INVALID) return INVALID;
        made[name] = field;
      }
      return made as T;
    },
  };
}

type Variants<T extends { readonly kind: string }> = {
  readonly [K in T['kind']]: Shape<Omit<Extract<T, { readonly kind: K }>, 'kind'>>;
};

/** One of several structures, told apart by `kind`. */
export function variants<T extends { readonly kind: string }>(shapes: Variants<T>): Shape<T> {
  const byKind = new Map(Object.entries(shapes) as [string, Shape<object>][]);
  return {
    toJson: (value) => ({ kind: value.kind, of: byKind.get(value.kind)?.toJson(value) }),
    fromJson: (value) => {
      if (typeof value !== 'object' || value === null) return INVALID;
      const { kind, of } = value as { readonly kind?: unknown; readonly of?: unknown };
      const shape = typeof kind === 'string' ? byKind.get(kind) : undefined;
      const body = shape?.fromJson(of) ?? INVALID;
      return body === INVALID ? INVALID : ({ ...body, kind } as unknown as T);
    },
  };
}
