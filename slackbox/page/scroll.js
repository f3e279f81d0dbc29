// A list that stays at its newest line while the reader is there, and stays put while the reader is elsewhere.

const NEAR = 48;

export class Scroller {
  /** `box` scrolls, `content` grows; `onAway(bool)` hears whether there is something newer below. */
  constructor(box, content, onAway) {
    Object.assign(this, { box, content, onAway, stuck: true });
    box.addEventListener("scroll", () => { this.stuck = this.atEnd(); if (this.stuck) onAway(false); }, { passive: true });
    this.sizes = new ResizeObserver(() => { if (this.stuck) this.toEnd(); });
    this.sizes.observe(content);
    this.sizes.observe(box);
  }

  atEnd() { return this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < NEAR; }
  toEnd() { this.stuck = true; this.box.scrollTop = this.box.scrollHeight; this.onAway(false); }

  /** Runs a redraw; `mine` says that the reader caused it and wants to see the end. */
  around(redraw, mine) {
    const before = this.content.lastElementChild?.dataset.key;
    redraw();
    const grew = before !== undefined && this.content.lastElementChild?.dataset.key !== before;
    if (this.stuck || mine) this.toEnd();
    else if (grew) this.onAway(true);
  }

  end() { this.sizes.disconnect(); }
}
