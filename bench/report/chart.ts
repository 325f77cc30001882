// A dot plot as SVG: one line per row, one dot per peer, on a logarithmic axis of time relative to ours.

/** A row and the values on it, by series. */
export interface ChartRow {
  readonly label: string;
  readonly values: ReadonlyMap<string, number>;
}

export interface ChartSpec {
  readonly title: string;
  readonly series: readonly string[];
  readonly rows: readonly ChartRow[];
}

/** Apart in hue and lightness, readable on white and on black (after Okabe and Ito). */
const COLOURS = ['#3b8ed0', '#e07b39', '#2fa37c', '#c46fa8', '#b39b2d'];
const INK = '#7d848c';
const FAINT = '#7d848c44';

const ROW = 18;
const LABEL = 130;
const PLOT = 560;
const TOP = 64;
const BOTTOM = 34;
const RIGHT = 24;

/** The picture; pixels, scaled to the width of the page. */
export function chart({title, series, rows}: ChartSpec): string {
  const [low, high] = bounds(rows);
  const x = (value: number) => LABEL + (PLOT * Math.log2(value / low)) / Math.log2(high / low);
  const height = TOP + rows.length * ROW + BOTTOM;
  const width = LABEL + PLOT + RIGHT;
  const ticks = ticksBetween(low, high).map(value => tick(value, x(value), height));
  const lines = rows.map((row, index) => plotRow(row, {series, x, y: TOP + (index + 0.5) * ROW}));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" font-family="system-ui, sans-serif" font-size="11" fill="${INK}">
<title>${escapeText(title)}</title>
<text x="${LABEL}" y="18" font-size="13">${escapeText(title)}</text>
${legend(series)}
${ticks.join('\n')}
${lines.join('\n')}
</svg>
`;
}

/** Powers of two around all values and 1. */
function bounds(rows: readonly ChartRow[]): [number, number] {
  const values = rows.flatMap(row => [...row.values.values()]);
  const low = 2 ** Math.floor(Math.log2(Math.min(1, ...values)));
  const high = 2 ** Math.ceil(Math.log2(Math.max(2, ...values)));
  return [low, high];
}

function ticksBetween(low: number, high: number): number[] {
  return Array.from({length: Math.round(Math.log2(high / low)) + 1}, (_, i) => low * 2 ** i);
}

function tick(value: number, x: number, height: number): string {
  const bottom = height - BOTTOM;
  // Ours.
  const stroke = value === 1 ? `stroke="${INK}" stroke-width="1.5"` : `stroke="${FAINT}"`;
  return `<line x1="${number(x)}" x2="${number(x)}" y1="${TOP}" y2="${bottom}" ${stroke}/><text x="${number(x)}" y="${bottom + 16}" text-anchor="middle">${value === 1 ? 'ours' : `${value}×`}</text>`;
}

function plotRow(
  {label, values}: ChartRow,
  at: {readonly series: readonly string[]; readonly y: number; x(value: number): number},
): string {
  const dots = at.series.flatMap((name, index) => {
    const value = values.get(name);
    if (value === undefined) return [];
    const text = `${name}: ${value.toFixed(2)} times ours`;
    return `<circle cx="${number(at.x(value))}" cy="${at.y}" r="4" fill="${colour(index)}"><title>${escapeText(text)}</title></circle>`;
  });
  return `<text x="${LABEL - 8}" y="${at.y + 4}" text-anchor="end">${escapeText(label)}</text><line x1="${LABEL}" x2="${LABEL + PLOT}" y1="${at.y}" y2="${at.y}" stroke="${FAINT}"/>${dots.join('')}`;
}

function legend(series: readonly string[]): string {
  return series
    .map((name, index) => {
      const x = LABEL + 4 + index * 110;
      return `<circle cx="${x}" cy="38" r="4" fill="${colour(index)}"/><text x="${x + 9}" y="42">${escapeText(name)}</text>`;
    })
    .join('');
}

function colour(index: number): string {
  return COLOURS[index % COLOURS.length]!;
}

function number(value: number): string {
  return value.toFixed(1);
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
