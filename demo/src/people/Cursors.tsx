import { useLayoutEffect, useRef, useState, type PointerEvent } from "react";
import { useMembers, useSignal } from "roomcast/react";
import { hueOf, nameOf } from "../../shared/names.ts";
import { useChatRoom } from "../chatRoom.ts";
import { WIDTH, type Point } from "../projection.ts";
import { useRecentSignals } from "../useRecentSignals.ts";

const CURSOR_TTL_MS = 5_000;
/** Space on each side of the name, in map units. */
const PADDING = 8;

/**
 * Sends this visitor's pointer position. The `roomcast` package limits the rate of these signals.
 */
export function usePointerSignal() {
  const room = useChatRoom();
  const point = useSignal(room, "cursor");
  const move = (event: PointerEvent<SVGSVGElement>): void => point(pointAt(event));

  return {
    onPointerDown: move,
    onPointerMove: move,
    onPointerLeave({ pointerType }: PointerEvent): void {
      // After a finger is lifted, the pointer stays at its last position.
      if (pointerType !== "touch") point(null);
    },
  };
}

/** Returns the position in map units, which are independent of the window's size. */
function pointAt({ currentTarget: map, clientX, clientY }: PointerEvent<SVGSVGElement>): Point {
  const { x, y } = new DOMPoint(clientX, clientY).matrixTransform(map.getScreenCTM()!.inverse());
  return [Math.round(x), Math.round(y)];
}

/** Shows the pointers of the other users. */
export function Cursors() {
  const room = useChatRoom();
  const members = useMembers(room) ?? [];
  const cursors = useRecentSignals(room, "cursor", CURSOR_TTL_MS, pointOf);

  return [...cursors].map(([user, { data, fading }]) => (
    <Cursor
      key={user}
      user={user}
      point={data}
      fading={fading || !members.some((member) => member.user === user)}
    />
  ));
}

interface CursorProps {
  readonly user: string;
  readonly point: Point;
  readonly fading: boolean;
}

function Cursor({ user, point: [x, y], fading }: CursorProps) {
  const text = useRef<SVGTextElement>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => setWidth(text.current!.getComputedTextLength() + 2 * PADDING), [user]);

  return (
    <g
      className="cursor"
      data-fading={fading}
      style={{ "--hue": hueOf(user), "--x": `${x}px`, "--y": `${y}px` }}
    >
      <path d="M0,0 5.5,18 9,10 17,7.5Z" />
      <svg x={x > WIDTH * 0.8 ? -width : 14} y="16" overflow="visible">
        <rect width={width} height="20" rx="10" />
        <text ref={text} x={PADDING} y="14">
          {nameOf(user)}
        </text>
      </svg>
    </g>
  );
}

function pointOf(data: unknown): Point | undefined {
  const [x, y] = Array.isArray(data) ? data : [];
  return Number.isFinite(x) && Number.isFinite(y) ? [x, y] : undefined;
}
