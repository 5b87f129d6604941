import { useRoom, useRoomState, useStatus } from "roomcast/react";
import { emptyBoard, reduceBoard, type ShipmentEvents } from "../shipments.ts";

export function Dashboard() {
  const room = useRoom<ShipmentEvents>("shipments:all");
  const board = useRoomState(room, reduceBoard, emptyBoard);
  const { status } = useStatus(room);
  return (
    <table aria-busy={status !== "connected"}>
      <tbody>
        {[...board.values()].map(({ id, progress }) => (
          <tr key={id}>
            <th>{id}</th>
            <td>{progress} %</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
