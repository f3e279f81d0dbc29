// A list that stays at its newest line while the reader is there, and stays put while the reader is elsewhere.

const NEAR = 48;

export class Scroller {
  /** `box` scrolls, `content` grows; `onAway(bool)` hears whether there is something newer below. */
  constructor(box, content, onAway) {
    Object.assign(this, { box, content, onAway, stuck: true, top: 0 });
    box.addEventListener("scroll", () => { this.look(); if (this.stuck) onAway(false); }, { passive: true });
    this.sizes = new ResizeObserver(() => { this.lookUp(); if (this.stuck) this.toEnd(); });
    this.sizes.observe(content);
    this.sizes.observe(box);
  }

  atEnd() { return this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < NEAR; }
  look() { this.stuck = this.atEnd(); this.top = this.box.scrollTop; }
  // A scroll is told a frame later than it happens; a redraw in between must not pull the reader back down.
  lookUp() { if (this.box.scrollTop < this.top) this.look(); }
  toEnd() { this.box.scrollTop = this.box.scrollHeight; this.stuck = true; this.top = this.box.scrollTop; this.onAway(false); }

  /** Runs a redraw; `mine` says that the reader caused it and wants to see the end. */
  around(redraw, mine) {
    const before = this.content.lastElementChild?.dataset.key;
    this.lookUp();
    redraw();
    const grew = before !== undefined && this.content.lastElementChild?.dataset.key !== before;
    if (this.stuck || mine) this.toEnd();
    else if (grew) this.onAway(true);
  }

  end() { this.sizes.disconnect(); }
}
