/**
 * Sets a key as the newest of the map. A map that grows beyond `limit` loses its oldest key; returns the value of that key.
 * A function and not a class: xds keeps several such maps for each proxy, and most of them stay empty.
 */
export function setBounded<K, V>(map: Map<K, V>, key: K, value: V, limit: number): V | undefined {
  map.delete(key);
  map.set(key, value);
  if (map.size <= limit) return undefined;
  for (const [oldest, lost] of map) {
    map.delete(oldest);
    return lost;
  }
}
