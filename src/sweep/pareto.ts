/**
 * Which of some points no other one beats: is at least as good in both and better in one. Equal points are all kept.
 * @param points two numbers each, higher is better
 * @returns their places, from the best first number to the best second
 */
export function paretoFront(points: readonly (readonly [number, number])[]): number[] {
  const beats = ([a, b]: readonly [number, number], [c, d]: readonly [number, number]) =>
    a >= c && b >= d && (a > c || b > d)
  return points
    .flatMap((point, i) => (points.some(other => beats(other, point)) ? [] : [i]))
    .sort((i, j) => points[j]![0] - points[i]![0] || points[j]![1] - points[i]![1])
}
