export interface CivilTime {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  /** 0 is Sunday. */
  readonly weekday: number;
  readonly hours: number;
  readonly minutes: number;
  readonly seconds: number;
  readonly milliseconds: number;
}

const DAY_MS = 86_400_000;

/** The Gregorian date and time in UTC of milliseconds since 1970. */
export function civilTime(ms: number): CivilTime {
  const days = Math.floor(ms / DAY_MS);
  const ofDay = ms - days * DAY_MS;
  return {
    ...civilDate(days),
    weekday: (((days + 4) % 7) + 7) % 7,
    hours: Math.floor(ofDay / 3_600_000),
    minutes: Math.floor(ofDay / 60_000) % 60,
    seconds: Math.floor(ofDay / 1000) % 60,
    milliseconds: Math.floor(ofDay) % 1000,
  };
}

/** Counts in eras of 400 years that begin on 1 March, so that leap days come last. */
function civilDate(days: number): { year: number; month: number; day: number } {
  const sinceMarch0 = days + 719_468;
  const era = Math.floor(sinceMarch0 / 146_097);
  const ofEra = sinceMarch0 - era * 146_097;
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) /
      365,
  );
  const ofYear =
    ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * ofYear + 2) / 153);
  const day = ofYear - Math.floor((153 * marchMonth + 2) / 5) + 1;
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}
