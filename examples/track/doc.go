// Package track plays a recording of eight people in a shooter: the example of a room to watch, and real movement for
// measurements.
//
// The recording has 50/3 frames a second, 60 ms each. Rates are whole numbers of ticks a second, so the room ticks at 50 Hz
// and shows the next frame in every third tick; as the game is Quiet, viewers get a state frame only then: 16.67 a second,
// at the true speed. At 20 Hz the film would run a fifth too fast, or one update in six would be empty.
package track
