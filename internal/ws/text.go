//go:build !conformance

package ws

// acceptText is false: no frame of ours is text. Conformance suites speak mostly text, so there is a build for them: test/echo.
const acceptText = false
