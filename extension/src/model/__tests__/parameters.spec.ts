import { parametersOf, read, show, type IParameter } from '../parameters';

function parameter(property: Record<string, unknown>): IParameter {
  return parametersOf({ properties: { it: property }, required: [] })[0];
}

describe('read', () => {
  it.each<[Record<string, unknown>, string, unknown]>([
    [{ type: 'integer' }, '10_000', 10000],
    [{ type: 'number' }, '1e-3', 0.001],
    [{ type: 'string' }, ' as it is ', ' as it is '],
    [{ type: 'boolean' }, 'true', true],
    [{ type: 'array' }, '[1, 2]', [1, 2]],
    [{ type: 'object' }, '{"a": 1}', { a: 1 }],
    [{ type: ['integer', 'null'] }, '', null],
    [{ anyOf: [{ type: 'number' }, { type: 'null' }] }, '', null],
    [{ type: 'integer', default: 3 }, '', undefined],
    [{ enum: ['a', null] }, 'null', null],
    [{ type: 'string', enum: ['a', '3'] }, '"3"', '3'],
    [{ type: 'string', format: 'date' }, '2026-11-21', '2026-11-21'],
    [{ type: ['string', 'null'], format: 'date' }, '', null],
    [{ type: 'string', format: 'date-time' }, '2026-11-21T06:00:00Z', '2026-11-21T06:00:00Z'],
    [{ type: 'string', format: 'time' }, '06:30', '06:30'],
    [{ type: 'string', default: '' }, '', ''],
    [{ type: 'number', exclusiveMinimum: 0 }, '0.1', 0.1],
    [{ type: 'integer', multipleOf: 5 }, '15', 15],
    [{ type: 'array', items: { enum: ['a', 'b'] }, maxItems: 1 }, '["b"]', ['b']]
  ])('%j reads “%s”', (property, text, value) => {
    expect(read(parameter(property), text)).toEqual({ ok: true, value });
  });

  it.each<[Record<string, unknown>, string, string]>([
    [{ type: 'integer' }, '1.5', 'integer'],
    [{ type: 'integer' }, 'ten', 'integer'],
    [{ type: 'number', maximum: 1 }, '1.1', 'range'],
    [{ type: 'number', minimum: 0 }, '-1', 'range'],
    [{ type: 'number' }, '', 'missing'],
    [{ type: 'array' }, '{"a": 1}', 'array'],
    [{ type: 'object' }, '[1]', 'object'],
    [{ type: 'object' }, '{a', 'object'],
    [{}, 'plain', 'json'],
    [{ enum: [1, 2] }, '3', 'choice'],
    [{ enum: [1, 2] }, '', 'missing'],
    [{ type: 'string', format: 'date' }, 'soon', 'date'],
    [{ type: 'string', format: 'date' }, '2026-13-01', 'date'],
    [{ type: 'string', format: 'date-time' }, '2026-11-21', 'date-time'],
    [{ type: 'string', format: 'time' }, '25:00', 'time'],
    [{ type: 'string', format: 'path', default: 'a.csv' }, '  ', 'missing'],
    [{ type: 'string' }, '', 'missing'],
    [{ type: 'number', exclusiveMinimum: 0 }, '0', 'range'],
    [{ type: 'number', exclusiveMaximum: 1 }, '1', 'range'],
    [{ type: 'integer', multipleOf: 5 }, '12', 'range'],
    [{ type: 'array', items: { enum: ['a', 'b'] } }, '["c"]', 'entry'],
    [{ type: 'array', items: { maximum: 3 } }, '[4]', 'entry'],
    [{ type: 'array', minItems: 1 }, '[]', 'count'],
    [{ type: 'array', maxItems: 1 }, '[1, 2]', 'count']
  ])('%j refuses “%s”', (property, text, problem) => {
    expect(read(parameter(property), text)).toEqual({ ok: false, problem });
  });
});

it('lets Galley fill what it takes from the logical date', () => {
  const [one] = parametersOf({
    properties: { logical_date: { type: 'string', format: 'date-time' } },
    required: []
  });
  expect(read(one, '')).toEqual({ ok: true, value: undefined });
});

it('takes the shown texts of a choice only where there is one for each value', () => {
  expect(parameter({ enum: [1, 2], 'x-labels': ['one', 'two'] }).labels).toEqual(['one', 'two']);
  expect(parameter({ enum: [1, 2], 'x-labels': ['one'] }).labels).toBeNull();
});

describe('show', () => {
  it('is what read understands', () => {
    for (const [property, value] of [
      [{ type: 'array' }, ['a', 1]],
      [{ type: 'boolean' }, false],
      [{ type: 'string' }, 'two\nlines'],
      [{}, { deep: [null] }],
      [{ type: 'string', enum: ['a', null] }, null],
      [{ type: 'string', enum: ['a', 'b'] }, 'b']
    ] as const) {
      const one = parameter(property);
      expect(read(one, show(one, value))).toEqual({ ok: true, value });
    }
  });
});
