/** Names like the one that was meant: for messages about an unknown key, a missing tensor, a mistyped option. */

/** Levenshtein's edit distance: insertions, deletions and substitutions of one character cost 1 each. */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min(substitution, previous[j]! + 1, row[j - 1]! + 1))
    }
    previous = row
  }
  return previous[b.length]!
}

/** The candidates nearest to `name`, nearest first, none that differs in more than half of its characters. */
export function nearest(name: string, candidates: Iterable<string>, count = 3): string[] {
  const tooFar = (candidate: string, distance: number) => distance > Math.max(name.length, candidate.length) / 2
  return [...candidates]
    .filter(candidate => !tooFar(candidate, Math.abs(candidate.length - name.length))) // a bound that costs nothing
    .map(candidate => ({ candidate, distance: editDistance(name, candidate) }))
    .filter(({ candidate, distance }) => !tooFar(candidate, distance))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ candidate }) => candidate)
}

/** " (nearest: 'a', 'b')" on one line, or nothing when no candidate is near. */
export function nearestHint(name: string, candidates: Iterable<string>, count = 3): string {
  const names = nearest(name, candidates, count)
  return names.length > 0 ? ` (nearest: ${names.map(n => `'${n.replace(/\p{C}/gu, '?')}'`).join(', ')})` : ''
}
