// Package raftstore is hashicorp/raft made small: a replicated log under one
// state machine, with group commit and linearizable reads.
//
// It knows nothing of what the commands mean. The owner of the process opens
// one Store, gives it a StateMachine and a directory, and proposes commands
// from as many goroutines as it likes:
//
//	store, err := raftstore.Open(raftstore.Config{Dir: "data", Node: "a"}, machine)
//	...
//	err = store.WaitLeader(ctx)
//	result, err := store.Apply(ctx, cmd) // what machine.Apply returned
//	err = store.Read(ctx)                // then look at the machine: nothing acknowledged is missing
//	err = store.Close()
//
// Today a Store has exactly one voter, which talks to itself inside the
// process: it opens no port. It is not a database, it holds no keys, and it
// forwards nothing: a command goes to the leader or is refused.
package raftstore
