/** A page that is not painted gets no frames; what waits for one must not wait for ever. */
const STALLED = 200;

const waiting = new Set();
let alarm = null;

/** Calls `draw(now)` in the next frame, once. One request serves all who wait. */
export function inNextFrame(draw) {
  waiting.add(draw);
  alarm ??= { frame: requestAnimationFrame(ring), timer: setTimeout(ring, document.hidden ? 0 : STALLED) };
}

export function notInFrame(draw) {
  waiting.delete(draw);
}

function ring(now = performance.now()) {
  cancelAnimationFrame(alarm.frame);
  clearTimeout(alarm.timer);
  alarm = null;
  const all = [...waiting];
  waiting.clear();
  for (const draw of all) attempt(draw, now);
}

/** What fails keeps nobody else from drawing. */
function attempt(draw, now) {
  try {
    draw(now);
  } catch (error) {
    reportError(error);
  }
}
