// Package rig puts a real node under test: the process as it is started by an operator, rooms of people who play on it and
// notice everything, and a report of what each hostile act met with.
//
//	node := rig.Start(t, rig.Options{})
//	neighbours := rig.MoveIn(t, node, 4, 4)
//	w := neighbours.Watch(t, func() { … the hostile act … })
//	w.Unharmed(t)
//
// Tests assert what the attacker got and that nobody else lost anything. How even the others' frames came is reported
// (Report) and never asserted: machines that run tests have other things to do.
package rig
