// Package client is Ringside's Go client: it joins a room, keeps the newest state of the game, sends inputs and requests,
// and comes back by itself when its socket dies.
//
// It has two layers. A [Core] is the protocol alone (docs/PROTOCOL.md): bytes and time in, bytes out. It opens no socket,
// starts no goroutine and reads no clock, so that a bot swarm can drive thousands of them from one loop and tests can play
// any fault in virtual time. [Stream] is the WebSocket framing in the same manner. [Client] is the usual shell around both:
// one socket, one reader, one writer, reconnecting.
//
//	seat, err := client.Join(ctx, "http://127.0.0.1:7777", client.JoinRequest{Game: "arena"})
//	c, err := client.Dial(ctx, client.Config{URL: seat.URL, Token: seat.Token, On: client.Handlers{
//		State: func(_ *client.Core, _ time.Duration, s client.State) { draw(s.Prev, s.Cur) },
//	}})
//	c.Input(dx, dy, aim, fire)
//
// What it does not do: interpolate, predict or draw. It offers no capability (§5.4 prediction, §8 twin sockets).
package client
