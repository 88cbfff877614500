package client_test

import (
	"context"
	"fmt"
	"time"

	client "github.com/ringside-server/ringside/clients/go"
)

// Joining a room of a server on this machine, moving for a second and leaving again.
func ExampleDial() {
	ctx := context.Background()
	seat, err := client.Join(ctx, "http://127.0.0.1:7777", client.JoinRequest{Game: "arena"})
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := client.Dial(ctx, client.Config{URL: seat.URL, Token: seat.Token, On: client.Handlers{
		State: func(_ *client.Core, _ time.Duration, s client.State) {
			for i := range s.Cur.Len(0) {
				id, fields := s.Cur.At(0, i)
				fmt.Println("tick", s.Tick, "entity", id, "at", fields[0], fields[1])
			}
		},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 20 {
		c.Input(100*time.Millisecond, 1, 0, 512, 0) // dx, dy, aim, fire
		time.Sleep(50 * time.Millisecond)
	}
	c.Leave(ctx)
}

// A Core needs no socket: bytes and time go in, bytes come out.
func ExampleCore() {
	core := client.New(client.Config{URL: "ws://127.0.0.1:7777/v1/rooms/r/ws", Token: "the seat's token"})
	next := core.NextDial(0)
	fmt.Println("open", next.URL)
	core.Start(10 * time.Millisecond)
	for m := core.Outgoing(); m != nil; m = core.Outgoing() {
		fmt.Printf("send %d bytes, type %d\n", len(m), m[1])
	}
	core.Lost(20*time.Millisecond, 0, "")
	fmt.Println("again at", core.NextDial(20*time.Millisecond).At)
	core.Start(20 * time.Millisecond)
	core.Lost(30*time.Millisecond, 4001, "seat expired")
	fmt.Println("stop:", core.NextDial(30*time.Millisecond).Kind == client.DialStop)
	// Output:
	// open ws://127.0.0.1:7777/v1/rooms/r/ws
	// send 36 bytes, type 1
	// again at 20ms
	// stop: true
}
