import { describe, expect, it } from 'vitest'
import { allSimilarities, similarities } from '../../src/eval/embeddings.ts'
import { chooseFaces, genuinePairs, impostorPairs, onePerIdentity } from '../../src/eval/pairs.ts'

/** Faces of people named by their letters, in this order. */
const facesOf = (people: string) => [...people].map((identity, i) => ({ id: `${identity}/${i}.jpg`, identity }))

describe('pairs', () => {
  it('pairs all different people once, or in both orders', () => {
    for (const people of ['abcd', 'abcde', 'aabbc']) {
      const faces = facesOf(people)
      const expected = [...people].flatMap((p, i) =>
        [...people].flatMap((q, j) => (i < j && p !== q ? [`${i} ${j}`] : [])),
      )
      const once = impostorPairs(faces, 'same').map(pair => [...pair].sort().join(' '))
      expect(once.sort()).toEqual(expected)
      const both = impostorPairs(faces, 'different').map(pair => pair.join(' '))
      expect(new Set(both).size).toBe(2 * expected.length)
      expect(both).toHaveLength(2 * expected.length)
    }
  })

  it('draws evenly from too many impostors', () => {
    const faces = facesOf('abcdefghij')
    const pairs = impostorPairs(faces, 'same', 20)
    expect(pairs).toHaveLength(20)
    for (const i of faces.keys()) expect(pairs.flat().filter(j => j === i)).toHaveLength(4)
  })

  it('chooses more photos of the same people, the first ones as before', () => {
    const entries = facesOf('aaabbbcc')
    const one = chooseFaces(entries, 2, 3)
    const two = chooseFaces(entries, 2, 3, 2)
    expect(two).toHaveLength(4)
    expect([two[0], two[2]]).toEqual(one)
    expect(entries[two[1]!]!.identity).toBe(entries[two[0]!]!.identity)
    expect(new Set(two).size).toBe(4)
  })

  it('pairs the photos of one person, each pair once', () => {
    expect(genuinePairs(facesOf('abaca'), 10)).toEqual([
      [0, 2],
      [0, 4],
      [2, 4],
    ])
  })

  it('caps the pairs of a person, and leaves the others alone', () => {
    const entries = facesOf(`${'a'.repeat(30)}bb`)
    const pairs = genuinePairs(entries, 10)
    expect(pairs).toHaveLength(11)
    expect(new Set(pairs.map(String)).size).toBe(11)
    for (const [i, j] of pairs) expect(entries[i]!.identity).toBe(entries[j]!.identity)
    expect(genuinePairs(entries, 10)).toEqual(pairs)
    expect(genuinePairs(entries, 10, 1)).not.toEqual(pairs)
  })

  it('takes one photo of each person', () => {
    const entries = facesOf('aaabbbcd')
    const chosen = onePerIdentity(entries).map(i => entries[i]!.identity)
    expect(chosen).toEqual(['a', 'b', 'c', 'd'])
  })
})

describe('chooseFaces', () => {
  const entries = facesOf('aabcdefghij')
  const names = (faces: readonly number[], of = entries) => faces.map(i => of[i]!.identity)

  it('chooses different people by the seed, more of them beginning with the same', () => {
    const five = chooseFaces(entries, 5, 0)
    expect(new Set(names(five)).size).toBe(5)
    expect(chooseFaces(entries, 8, 0).slice(0, 5)).toEqual(five)
    expect(chooseFaces(entries, 5, 1)).not.toEqual(five)
  })

  it('does not depend on the order of the store', () => {
    const reversed = entries.toReversed()
    expect(names(chooseFaces(reversed, 10, 3), reversed)).toEqual(names(chooseFaces(entries, 10, 3)))
  })

  it('takes people first who have as many photos as asked for', () => {
    for (const seed of [0, 1, 2]) expect(names(chooseFaces(entries, 3, seed, 2)).slice(0, 2)).toEqual(['a', 'a'])
  })

  it('says how many people there are when there are too few', () => {
    expect(() => chooseFaces(entries, 11, 0)).toThrow('expected 11 different people, found 10')
  })
})

describe('similarities', () => {
  const embeddings = { dimensions: 2, values: Float32Array.of(1, 0, 0, 1, 0.6, 0.8, -1, 0) }

  it('are dot products of unit vectors', () => {
    const found = similarities(embeddings, embeddings, [
      [0, 1],
      [0, 2],
      [1, 2],
      [0, 3],
    ])
    for (const [i, expected] of [0, 0.6, 0.8, -1].entries()) expect(found[i]).toBeCloseTo(expected, 6)
  })

  it('of all pairs come row after row', () => {
    const found = allSimilarities(embeddings, [3, 0, 2])
    expect(found).toHaveLength(3)
    for (const [i, expected] of [-1, -0.6, 0.6].entries()) expect(found[i]).toBeCloseTo(expected, 6)
  })
})
