// Colours of the charts, by day and by night: Okabe and Ito's palette, which colour-blind people tell apart
// (Color Universal Design, 2008), its blue and yellow changed for contrast.

import type {Config} from 'vega-lite';

interface Palette {
  readonly text: string;
  readonly quiet: string;
  readonly grid: string;
  readonly page: string;
  readonly warning: string;
  readonly categories: readonly string[];
}

const LIGHT: Palette = {
  text: '#1b1f24',
  quiet: '#57606a',
  grid: '#e3e6ea',
  page: '#ffffff',
  warning: '#b3261e',
  categories: [
    '#0072b2',
    '#d55e00',
    '#009e73',
    '#cc79a7',
    '#56b4e9',
    '#e69f00',
    '#c9b800',
    '#8c959f',
  ],
};

const DARK: Palette = {
  text: '#e6e9ed',
  quiet: '#9aa4af',
  grid: '#2b3138',
  page: '#15181c',
  warning: '#ff8a80',
  categories: [
    '#3d9ae0',
    '#e8793a',
    '#1fb98c',
    '#d88bb5',
    '#7cc8f2',
    '#eab038',
    '#e8dc5a',
    '#8c959f',
  ],
};

/** The configuration of every chart. */
export function theme(isDark: boolean): Config {
  const {text, quiet, grid, page, warning, categories} = isDark ? DARK : LIGHT;
  return {
    background: page,
    font: 'system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif',
    view: {stroke: null},
    axis: {
      labelColor: quiet,
      titleColor: text,
      gridColor: grid,
      domainColor: quiet,
      tickColor: quiet,
      labelFontSize: 12,
      titleFontSize: 13,
      titleFontWeight: 500,
      titlePadding: 10,
    },
    legend: {
      labelColor: text,
      titleColor: text,
      labelFontSize: 12,
      titleFontSize: 12,
      symbolStrokeWidth: 0,
      labelLimit: 260,
    },
    range: {category: [...categories]},
    rect: {stroke: page},
    line: {color: quiet},
    rule: {color: quiet},
    text: {color: text, fontSize: 12},
    style: {limit: {color: warning}},
  };
}
