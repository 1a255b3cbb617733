/** Nodes in no order: joined, left and picked in the same time however many there are. */
export class NodeList<T> {
  readonly #members: T[] = [];
  readonly #places = new Map<T, number>();

  get length(): number {
    return this.#members.length;
  }

  has(node: T): boolean {
    return this.#places.has(node);
  }

  /** The member at a place, counted round and round. */
  at(place: number): T | undefined {
    return this.#members[place % this.#members.length];
  }

  /** Makes a node a member, or none. */
  set(node: T, isMember: boolean): void {
    const place = this.#places.get(node);
    if (isMember === (place !== undefined)) return;
    if (place === undefined) {
      this.#places.set(node, this.#members.length);
      this.#members.push(node);
    } else {
      this.#leave(node, place);
    }
  }

  #leave(node: T, place: number): void {
    const last = this.#members.pop();
    this.#places.delete(node);
    if (last === undefined || last === node) return;
    this.#members[place] = last;
    this.#places.set(last, place);
  }
}
