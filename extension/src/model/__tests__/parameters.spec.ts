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
    [{ type: 'integer', default: 3 }, '', undefined]
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
    [{}, 'plain', 'json']
  ])('%j refuses “%s”', (property, text, problem) => {
    expect(read(parameter(property), text)).toEqual({ ok: false, problem });
  });
});

describe('show', () => {
  it('is what read understands', () => {
    for (const [property, value] of [
      [{ type: 'array' }, ['a', 1]],
      [{ type: 'boolean' }, false],
      [{ type: 'string' }, 'two\nlines'],
      [{}, { deep: [null] }]
    ] as const) {
      const one = parameter(property);
      expect(read(one, show(one, value))).toEqual({ ok: true, value });
    }
  });
});
