package wire

// Input is an INPUT frame: one or more of the game's inputs, oldest first, as one flat run of integers.
type Input struct {
	Seq     uint32 // of the last input; the caller, who knows the width, checks that the first one's is not below 1
	Ack     uint32
	DelayMS uint32
	N       int    // integers in Values, at least 1; a multiple of the width only if the sender is honest
	Values  Reader // exactly N integers that Int32 takes; aliases the frame
}

// AppendInput appends an INPUT.
func AppendInput(dst []byte, seq, ack, delayMS uint32, values []int32) []byte {
	dst = appendHead(dst, TypeInput, 3+len(values))
	dst = AppendUint(dst, uint64(seq))
	dst = AppendUint(dst, uint64(ack))
	dst = AppendUint(dst, uint64(delayMS))
	for _, v := range values {
		dst = AppendInt(dst, int64(v))
	}
	return dst
}

// ParseInput parses an INPUT. It reads every value once to refuse the frame whole; reading them again from Values cannot
// fail.
func ParseInput(frame []byte) (Input, error) {
	r, n := openFrame(frame, TypeInput, 3)
	var x Input
	x.Seq = r.Uint32()
	x.Ack = r.Uint32()
	x.DelayMS = r.Uint32()
	x.N, x.Values = n, r
	if n < 1 {
		r.fail()
	}
	for ; n > 0 && r.err == nil; n-- {
		r.Int32()
	}
	if err := r.endFrame(0); err != nil {
		return Input{}, err
	}
	return x, nil
}
