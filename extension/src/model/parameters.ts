/** Typed parameters: how a value is shown in its field, and read back out of it. */
import type { ParameterSchema } from '../api/types';

/** What bounds a number. */
export interface IBounds {
  minimum: number | null;
  maximum: number | null;
  exclusiveMinimum: number | null;
  exclusiveMaximum: number | null;
  multipleOf: number | null;
}

export interface IParameter extends IBounds {
  name: string;
  type: 'integer' | 'number' | 'string' | 'boolean' | 'array' | 'object' | 'any';
  nullable: boolean;
  description: string;
  default: unknown;
  hasDefault: boolean;
  enum: unknown[] | null;
  /** Texts that stand for the values of `enum`, in its order. */
  labels: string[] | null;
  /** How far a slider goes at once; no rule. */
  step: number | null;
  format: string | null;
  /** Of a list: what its entries may be. */
  items: (IBounds & { enum: unknown[] | null; labels: string[] | null }) | null;
  minItems: number | null;
  maxItems: number | null;
  /** What the schedule makes its value from for each date; a value of one's own comes first. */
  template?: string;
}

/** Filled by Galley from the run's logical date when a notebook declares them. */
export const TIME_PARAMETERS = ['logical_date', 'data_interval_start', 'data_interval_end'];

/** The parameters; `given` are what a schedule gives in place of the notebook's own defaults. */
export function parametersOf(
  schema: ParameterSchema | null | undefined,
  given: Record<string, unknown> = {}
): IParameter[] {
  return declared(schema).map(one => {
    const value = given[one.name];
    if (value === undefined) {
      return one;
    }
    return typeof value === 'string' && value.includes('{{')
      ? { ...one, default: undefined, hasDefault: true, template: value }
      : { ...one, default: value, hasDefault: true };
  });
}

function declared(schema: ParameterSchema | null | undefined): IParameter[] {
  return Object.entries(schema?.properties ?? {}).map(([name, raw]) => {
    const property = raw as Record<string, unknown>;
    const { type, nullable } = typeOf(property);
    return {
      name,
      type,
      nullable,
      description: text(property.description) ?? '',
      default: property.default,
      hasDefault: 'default' in property,
      ...choices(property),
      ...bounds(property),
      step: number(property['x-step']),
      format: text(property.format) ?? formatOf(property),
      items: itemsOf(property),
      minItems: number(property.minItems),
      maxItems: number(property.maxItems)
    };
  });
}

function choices(property: Record<string, unknown>): {
  enum: unknown[] | null;
  labels: string[] | null;
} {
  const values = Array.isArray(property.enum) ? (property.enum as unknown[]) : null;
  const labels = property['x-labels'];
  const fits = Array.isArray(labels) && labels.length === values?.length;
  return { enum: values, labels: fits ? labels.map(String) : null };
}

function bounds(property: Record<string, unknown>): IBounds {
  return {
    minimum: number(property.minimum),
    maximum: number(property.maximum),
    exclusiveMinimum: number(property.exclusiveMinimum),
    exclusiveMaximum: number(property.exclusiveMaximum),
    multipleOf: number(property.multipleOf)
  };
}

/** The format of the alternative that is not null. */
function formatOf(property: Record<string, unknown>): string | null {
  const options = (property.anyOf as Record<string, unknown>[] | undefined) ?? [];
  return options.map(option => text(option.format)).find(format => format !== null) ?? null;
}

function itemsOf(property: Record<string, unknown>): IParameter['items'] {
  const items = property.items as Record<string, unknown> | undefined;
  return items ? { ...choices(items), ...bounds(items) } : null;
}

function typeOf(property: Record<string, unknown>): Pick<IParameter, 'type' | 'nullable'> {
  const alternatives = (property.anyOf as Record<string, unknown>[] | undefined)?.map(
    option => option.type
  );
  const types = [property.type ?? alternatives ?? []].flat() as string[];
  const own = types.filter(type => type !== 'null');
  const known = ['integer', 'number', 'string', 'boolean', 'array', 'object'];
  return {
    type: own.length === 1 && known.includes(own[0]) ? (own[0] as IParameter['type']) : 'any',
    nullable: types.includes('null')
  };
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function number(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}

/** A value as it stands in its text field. */
export function show(parameter: IParameter, value: unknown): string {
  if (parameter.enum) {
    return value === undefined ? '' : JSON.stringify(value);
  }
  if (value === undefined || (value === null && parameter.type !== 'any')) {
    return '';
  }
  return parameter.type === 'string' && typeof value === 'string' ? value : JSON.stringify(value);
}

/** What is wrong with an entered value. */
export type Mistake =
  | 'integer'
  | 'number'
  | 'json'
  | 'array'
  | 'object'
  | 'range'
  | 'missing'
  | 'choice'
  | 'date'
  | 'date-time'
  | 'time'
  | 'count'
  | 'entry';

export type Reading = { ok: true; value: unknown } | { ok: false; problem: Mistake };

const as = (value: unknown): Reading => ({ ok: true, value });
const not = (problem: Mistake): Reading => ({ ok: false, problem });

/** What a text field says; `undefined` means: as in the notebook. */
export function read(parameter: IParameter, entered: string): Reading {
  if (parameter.template !== undefined && entered === '') {
    return as(undefined);
  }
  if (parameter.enum) {
    const found = parameter.enum.filter(value => JSON.stringify(value) === entered);
    return found.length ? as(found[0]) : not(entered === '' ? 'missing' : 'choice');
  }
  if (parameter.type === 'string') {
    return readText(parameter, entered);
  }
  const trimmed = entered.trim();
  if (trimmed === '') {
    if (parameter.nullable) {
      return as(null);
    }
    return parameter.hasDefault ? as(undefined) : not('missing');
  }
  if (parameter.type === 'integer' || parameter.type === 'number') {
    return readNumber(parameter, trimmed);
  }
  let value: unknown;
  try {
    value = JSON.parse(trimmed);
  } catch {
    return not(parameter.type === 'any' ? 'json' : asProblem(parameter.type));
  }
  if (parameter.type === 'array') {
    return Array.isArray(value) ? readList(parameter, value as unknown[]) : not('array');
  }
  if (
    parameter.type === 'object' &&
    (typeof value !== 'object' || value === null || Array.isArray(value))
  ) {
    return not('object');
  }
  return as(value);
}

function asProblem(type: IParameter['type']): 'array' | 'object' | 'json' {
  return type === 'array' || type === 'object' ? type : 'json';
}

const FORMATS: Record<string, RegExp> = {
  date: /^\d{4}-\d{2}-\d{2}$/,
  'date-time': /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}/,
  time: /^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?$/
};

function readText(parameter: IParameter, entered: string): Reading {
  const { format } = parameter;
  const blank = format ? entered.trim() === '' : entered === '';
  if (blank) {
    if (TIME_PARAMETERS.includes(parameter.name)) {
      return as(undefined);
    }
    if (format && parameter.nullable) {
      return as(null);
    }
    if (format || !parameter.hasDefault) {
      return not('missing');
    }
    return as(entered);
  }
  if (format === 'date' || format === 'date-time' || format === 'time') {
    const trimmed = entered.trim();
    const real = format === 'time' || !Number.isNaN(Date.parse(trimmed));
    return real && FORMATS[format].test(trimmed) ? as(trimmed) : not(format);
  }
  return as(entered);
}

function readList(parameter: IParameter, value: unknown[]): Reading {
  const { items, minItems, maxItems } = parameter;
  if (value.length < (minItems ?? 0) || value.length > (maxItems ?? Infinity)) {
    return not('count');
  }
  const texts = items?.enum?.map(one => JSON.stringify(one));
  const fits = value.every(
    one =>
      (!texts || texts.includes(JSON.stringify(one))) &&
      (!items || typeof one !== 'number' || inside(items, one))
  );
  return fits ? as(value) : not('entry');
}

function readNumber(parameter: IParameter, entered: string): Reading {
  const value = Number(entered.replace(/_/g, ''));
  if (!Number.isFinite(value)) {
    return not(parameter.type as 'integer' | 'number');
  }
  if (parameter.type === 'integer' && !Number.isInteger(value)) {
    return not('integer');
  }
  return inside(parameter, value) ? as(value) : not('range');
}

function inside(bounds: IBounds, value: number): boolean {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = bounds;
  // Only whole steps: a remainder of fractions is never exact.
  const steps =
    !multipleOf || !Number.isInteger(multipleOf) || Number.isInteger(value / multipleOf);
  return (
    value >= (minimum ?? -Infinity) &&
    value <= (maximum ?? Infinity) &&
    (exclusiveMinimum === null || value > exclusiveMinimum) &&
    (exclusiveMaximum === null || value < exclusiveMaximum) &&
    steps
  );
}
