// The types of the gateway in server.go, in the form in which they are generated.

export interface Line { from: string; text: string }
export interface Card { id: number; title: string }

export interface ChatRoom {
  path: "/chat/{room}";
  params: { room: string };
  envelope: { type: "type"; id: "id"; data: "" };
  subprotocols: never;
  emit: {
    say: string;
    greet: void;
    check: string;
    drop: number;
  };
  calls: {
    echo: { payload: Line; answer: Line };
    move: { payload: Card; answer: Card };
    hang: { payload: void; answer: Line };
  };
  on: {
    said: Line;
  };
}

/** The gateway with other keys. */
export interface Nested extends Omit<ChatRoom, "path" | "params" | "envelope"> {
  path: "/nested";
  params: {};
  envelope: { type: "event"; id: "id"; data: "data" };
}

/** The gateway with subprotocols, whose events are not declared. */
export interface Private {
  path: "/private";
  params: {};
  envelope: { type: "type"; id: "id"; data: "" };
  subprotocols: "v1" | "v2";
  emit: {};
  calls: {};
  on: { [event: string]: unknown };
}
