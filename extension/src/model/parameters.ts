/** Typed parameters: how a value is shown in its field, and read back out of it. */
import type { ParameterSchema } from '../api/types';

export interface IParameter {
  name: string;
  type: 'integer' | 'number' | 'string' | 'boolean' | 'array' | 'object' | 'any';
  nullable: boolean;
  description: string;
  default: unknown;
  hasDefault: boolean;
  enum: unknown[] | null;
  minimum: number | null;
  maximum: number | null;
  format: string | null;
}

/** Filled by Galley from the run's logical date when a notebook declares them. */
export const TIME_PARAMETERS = ['logical_date', 'data_interval_start', 'data_interval_end'];

export function parametersOf(schema: ParameterSchema | null | undefined): IParameter[] {
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
      enum: Array.isArray(property.enum) ? (property.enum as unknown[]) : null,
      minimum: number(property.minimum),
      maximum: number(property.maximum),
      format: text(property.format)
    };
  });
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
  if (value === undefined || (value === null && parameter.type !== 'any')) {
    return '';
  }
  return parameter.type === 'string' && typeof value === 'string' ? value : JSON.stringify(value);
}

export type Reading =
  | { ok: true; value: unknown }
  | {
      ok: false;
      problem: 'integer' | 'number' | 'json' | 'array' | 'object' | 'range' | 'missing';
    };

/** What a text field says; `undefined` means: as in the notebook. */
export function read(parameter: IParameter, entered: string): Reading {
  if (parameter.type === 'string') {
    return { ok: true, value: entered };
  }
  const trimmed = entered.trim();
  if (trimmed === '') {
    if (parameter.nullable) {
      return { ok: true, value: null };
    }
    return parameter.hasDefault
      ? { ok: true, value: undefined }
      : { ok: false, problem: 'missing' };
  }
  if (parameter.type === 'integer' || parameter.type === 'number') {
    return readNumber(parameter, trimmed);
  }
  let value: unknown;
  try {
    value = JSON.parse(trimmed);
  } catch {
    return { ok: false, problem: parameter.type === 'any' ? 'json' : asProblem(parameter.type) };
  }
  if (parameter.type === 'array' && !Array.isArray(value)) {
    return { ok: false, problem: 'array' };
  }
  if (
    parameter.type === 'object' &&
    (typeof value !== 'object' || value === null || Array.isArray(value))
  ) {
    return { ok: false, problem: 'object' };
  }
  return { ok: true, value };
}

function asProblem(type: IParameter['type']): 'array' | 'object' | 'json' {
  return type === 'array' || type === 'object' ? type : 'json';
}

function readNumber(parameter: IParameter, entered: string): Reading {
  const value = Number(entered.replace(/_/g, ''));
  if (!Number.isFinite(value)) {
    return { ok: false, problem: parameter.type as 'integer' | 'number' };
  }
  if (parameter.type === 'integer' && !Number.isInteger(value)) {
    return { ok: false, problem: 'integer' };
  }
  const low = parameter.minimum !== null && value < parameter.minimum;
  const high = parameter.maximum !== null && value > parameter.maximum;
  return low || high ? { ok: false, problem: 'range' } : { ok: true, value };
}
