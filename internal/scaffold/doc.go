// Package scaffold writes the folder a new game begins in: `ringside new mygame` makes a Go module that builds, passes its tests
// and runs, with no network but the module cache of this repository. The files are those of template/, with the game's name and
// the requirements of this module filled in.
//
// It is not a build tool: after the folder is written nothing of this package is needed again.
package scaffold
