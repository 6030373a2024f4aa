import assert from "node:assert/strict";
import test from "node:test";
import type { Deadline } from "../src/clock.js";
import { order, type Gen } from "../src/protocol.js";
import { createHolder } from "../src/token.js";
import { gen, tokenOf } from "./page.js";
import { randomFrom } from "./random.js";

const never: Deadline = { passed: () => false, left: () => Infinity };

test("whatever the order of messages, the highest generation of the first epoch is held", () => {
  for (let seed = 0; seed < 2000; seed++) {
    const { below, pick } = randomFrom(seed);
    const holder = createHolder();
    let first: Gen | undefined;
    let highest = -1;
    let over = false;
    for (let step = 0; step < 30; step++) {
      // Mostly of one epoch, so that runs are long enough to be worth their while.
      const offered = gen(below(8), below(20) ? 2 : pick([1, 3]), below(30) ? "a" : "b");
      const taken = holder.take(offered, tokenOf(offered), never);
      first ??= offered;
      if (!over && offered.s === first.s && offered.e === first.e) highest = Math.max(highest, offered.g);
      if (taken === "over") {
        assert.equal(order(offered, first), Infinity, `seed ${seed}`);
        holder.end();
        over = true;
      }
      const held = holder.held();
      if (over) assert.deepEqual([held, holder.secret()], [undefined, undefined], `seed ${seed}`);
      else assert.equal(holder.secret(), tokenOf(gen(highest, first.e, first.s)), `seed ${seed}`);
    }
  }
});

test("nothing of an ended epoch is taken, in whatever order it arrives", () => {
  for (let seed = 0; seed < 2000; seed++) {
    const { below } = randomFrom(seed);
    const holder = createHolder();
    const ended = new Set<number>();
    for (let step = 0; step < 20; step++) {
      const offered = gen(below(5), below(4));
      if (below(4)) holder.take(offered, tokenOf(offered), never);
      else if (holder.end(offered)) ended.add(offered.e);
      else ended.add(offered.e);
      const held = holder.held();
      if (held)
        for (const epoch of ended)
          assert.ok(held.gen.e > epoch, `seed ${seed}: epoch ${held.gen.e} after the end of ${epoch}`);
    }
  }
});

test("the end of an earlier epoch does not concern the document", () => {
  const holder = createHolder();
  holder.take(gen(1, 2), "t", never);
  assert.equal(holder.end(gen(7, 1)), false);
  assert.equal(holder.secret(), "t");
});

test("a document that has had no session takes the next sign-in, one that has does not", () => {
  const fresh = createHolder();
  assert.equal(fresh.end(gen(1, 1)), true);
  assert.equal(fresh.take(gen(1, 1), "old", never), "older");
  assert.equal(fresh.take(gen(1, 2), "new", never), "newer");

  const used = createHolder();
  used.take(gen(1, 1), "t", never);
  assert.equal(used.end(gen(1, 1)), true);
  assert.equal(used.take(gen(1, 2), "new", never), "older");
  assert.equal(used.end(gen(1, 2)), false);
});

test("a dropped token can be taken again, a newer one as well, an older one cannot", () => {
  const holder = createHolder();
  holder.take(gen(5), "five", never);
  holder.drop();
  assert.equal(holder.take(gen(4), "four", never), "older");
  assert.equal(holder.take(gen(5), "five", never), "newer");
  assert.equal(holder.take(gen(5), undefined, never), "same");
  assert.equal(holder.secret(), "five");
});

test("a newer state without its token neither renames the held token nor shuts out the newer one", () => {
  const holder = createHolder();
  holder.take(gen(1), "one", never);
  assert.equal(holder.take(gen(2), undefined, never), "older");
  assert.deepEqual(holder.held()?.gen, gen(1));
  assert.equal(holder.take(gen(2), "two", never), "newer");
});

test("an active state without a token tells the document its epoch", () => {
  const holder = createHolder();
  assert.equal(holder.take(gen(5, 1), undefined, never), "same");
  assert.equal(holder.take(gen(5, 2), "other", never), "over");
  assert.equal(holder.take(gen(5, 1), "own", never), "newer");
});
