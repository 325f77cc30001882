// Sets of pixels as unions of products rows × columns, counted without drawing the map.

/** All pixels (row, column) with the row in `rows` and the column in `columns`; no duplicates in either. */
export interface PixelProduct {
  readonly rows: readonly number[];
  readonly columns: readonly number[];
}

/**
 * Counts the distinct pixels of a union of products.
 *
 * Rows crossed by the same products share one union of columns, so the work grows with the number of products and
 * border classes and not with the number of pixels.
 */
export function countPixels(products: readonly PixelProduct[]): number {
  const crossing = new Map<number, number[]>();
  products.forEach(({rows}, index) => {
    for (const row of rows) {
      const indices = crossing.get(row);
      if (indices) indices.push(index);
      else crossing.set(row, [index]);
    }
  });

  const unions = new Map<string, number>();
  let pixels = 0;
  for (const indices of crossing.values()) {
    const key = indices.join();
    let width = unions.get(key);
    if (width === undefined) {
      width = new Set(indices.flatMap(index => products[index]!.columns)).size;
      unions.set(key, width);
    }
    pixels += width;
  }

  return pixels;
}
