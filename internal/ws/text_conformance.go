//go:build conformance

package ws

// acceptText lets text messages through, for test/echo. Who takes them looks whether they are UTF-8.
const acceptText = true
