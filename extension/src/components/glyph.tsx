/** The icons of states; they take the colour of the text beside them. */
import * as React from 'react';
import type { Glyph as Name, IWord } from '../model/words';

const SHAPES: Record<Name, React.ReactNode> = {
  check: <path d="M6.6 11.6 3.2 8.2l1.1-1.1 2.3 2.3 5.1-5.1 1.1 1.1z" />,
  cross: (
    <path d="M11.9 5.2 10.8 4.1 8 6.9 5.2 4.1 4.1 5.2 6.9 8l-2.8 2.8 1.1 1.1L8 9.1l2.8 2.8 1.1-1.1L9.1 8z" />
  ),
  play: <path d="M5.5 3.6v8.8L12.2 8z" />,
  clock: (
    <path d="M8 2.2A5.8 5.8 0 1 0 8 13.8 5.8 5.8 0 0 0 8 2.2m0 1.4a4.4 4.4 0 1 1 0 8.8 4.4 4.4 0 0 1 0-8.8m-.7 1.6v3.1l2.6 1.6.6-1-2-1.2V5.2z" />
  ),
  warning: <path d="M8 2.3 1.8 13.2h12.4zm.7 8.9H7.3V9.9h1.4zm0-2.3H7.3V6.2h1.4z" />,
  stop: <path d="M4.2 4.2h7.6v7.6H4.2z" />,
  skip: <path d="M3.4 4v8l5.2-4zm5.6 0v8h2.6V4z" />,
  eye: (
    <path d="M8 3.6C4.9 3.6 2.3 5.4 1.1 8c1.2 2.6 3.8 4.4 6.9 4.4s5.7-1.8 6.9-4.4C13.7 5.4 11.1 3.6 8 3.6m0 7.3a2.9 2.9 0 1 1 0-5.8 2.9 2.9 0 0 1 0 5.8m0-4.6a1.7 1.7 0 1 0 0 3.4 1.7 1.7 0 0 0 0-3.4" />
  ),
  pause: <path d="M4.4 3.8h2.4v8.4H4.4zm4.8 0h2.4v8.4H9.2z" />,
  rocket: (
    <path d="M13.6 2.4c-3.4-.3-6 1-7.8 3.7l-2.6.3-1.4 2 2.6.3 2.9 2.9.3 2.6 2-1.4.3-2.6c2.7-1.8 4-4.4 3.7-7.8M10 7.3A1.3 1.3 0 1 1 10 4.700A1.3 1.3 0 0 1 10 7.300M4.200 10.400c-1.100.3-1.700 1.400-1.800 3.200 1.800-.1 2.900-.7 3.200-1.800z" />
  ),
  undo: (
    <path d="M6.200 3.200v2.600c4.400 0 7 2.200 7.600 7-1.600-2.800-3.900-4-7.600-4v2.700L1.900 7.300z" />
  ),
  ring: (
    <path d="M8 3.200A4.800 4.800 0 1 0 8 12.800 4.800 4.800 0 0 0 8 3.200m0 1.500a3.300 3.300 0 1 1 0 6.600 3.300 3.300 0 0 1 0-6.600" />
  ),
  info: (
    <path d="M8 2.200A5.800 5.800 0 1 0 8 13.800 5.800 5.800 0 0 0 8 2.200m.7 8.900H7.300V7.300h1.400zm0-5H7.300V4.700h1.400z" />
  )
};

export function Glyph({ name, spin }: { name: Name; spin?: boolean }): JSX.Element {
  return (
    <svg
      className={`jp-Galley-glyph${spin ? ' jp-mod-spin' : ''}`}
      viewBox="0 0 16 16"
      width="16"
      height="16"
      fill="currentColor"
      aria-hidden="true"
    >
      {spin ? (
        <path d="M8 1.800A6.200 6.200 0 1 0 14.200 8h-1.500A4.700 4.700 0 1 1 8 3.300z" />
      ) : (
        SHAPES[name]
      )}
    </svg>
  );
}

/** A state: icon and word, never colour alone. */
export function Badge({ word, plain }: { word: IWord; plain?: boolean }): JSX.Element {
  return (
    <span className={`jp-Galley-badge jp-mod-${word.tone}${plain ? ' jp-mod-plain' : ''}`}>
      <Glyph name={word.glyph} spin={word.tone === 'busy'} />
      <span>{word.text}</span>
    </span>
  );
}

/** A state's icon alone, its word on hover and for screen readers. */
export function Dot({ word }: { word: IWord }): JSX.Element {
  return (
    <span
      className={`jp-Galley-dot jp-mod-${word.tone}`}
      title={word.text}
      role="img"
      aria-label={word.text}
    >
      <Glyph name={word.glyph} spin={word.tone === 'busy'} />
    </span>
  );
}
