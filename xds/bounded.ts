/** Sets a key, as the newest of the map. A map that grows beyond the limit loses its oldest key: returns what it had. */
export function remember<T>(map: Map<string, T>, key: string, value: T, limit: number): T | undefined {
  map.delete(key);
  map.set(key, value);
  if (map.size <= limit) return undefined;
  for (const [oldest, lost] of map) {
    map.delete(oldest);
    return lost;
  }
}
