// The page's script: draws its charts, again when day turns to night, and sorts its table.

import {default as embed, type VisualizationSpec} from 'vega-embed';
import {expressionInterpreter} from 'vega-interpreter';
import {sortByHeadings} from './sort-table.js';
import {theme} from './theme.js';

const charts = JSON.parse(document.getElementById('charts')!.textContent!) as Record<
  string,
  VisualizationSpec
>;
const night = matchMedia('(prefers-color-scheme: dark)');

/** Draws `spec` in place of what the figure showed; without eval, which the page's policy forbids. */
async function draw(figure: HTMLElement, spec: VisualizationSpec): Promise<void> {
  const {view} = await embed(figure, spec, {
    mode: 'vega-lite',
    renderer: 'svg',
    ast: true,
    expr: expressionInterpreter,
    config: theme(night.matches) as never,
    actions: {export: true, source: false, compiled: false, editor: false},
    tooltip: {theme: night.matches ? 'dark' : 'light'},
  });
  figure.dataset.drawn = view.getState().data === undefined ? 'no' : 'yes';
}

async function drawAll(): Promise<void> {
  delete document.documentElement.dataset.drawn;
  const figures = [...document.querySelectorAll<HTMLElement>('figure[data-chart]')];
  await Promise.all(figures.map(figure => draw(figure, charts[figure.dataset.chart!]!)));
  document.documentElement.dataset.drawn = night.matches ? 'dark' : 'light';
}

night.addEventListener('change', drawAll);
sortByHeadings(document.querySelector<HTMLTableElement>('#commands')!);
void drawAll();
