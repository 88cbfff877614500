package matchmaker

import (
	"encoding/binary"
	"strings"
)

// A join code is how friends tell each other a private room: six characters that can be read aloud. There are 2^30, so with
// 10,000 private rooms alive one guess in 100,000 hits; misses.go makes guesses rare.
const (
	codeLen      = 6
	codeAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ" // Crockford's: no I, L, O or U

	// codeBytes are four draws of a code: all four taken happens once in 10^20 times.
	codeBytes = 16
)

// freeCode returns the first code in random that no live room has, empty if there is none.
func (x *index) freeCode(random []byte) string {
	for ; len(random) >= 4; random = random[4:] {
		bits := binary.BigEndian.Uint32(random)
		var code [codeLen]byte
		for i := range code {
			code[i] = codeAlphabet[bits>>27]
			bits <<= 5
		}
		if c := string(code[:]); x.codes[c] == "" {
			return c
		}
	}
	return ""
}

// cleanCode returns a code as it is kept, from how people write it: any case, with spaces and dashes, O for 0, I and L for 1.
// It is empty if s is none.
func cleanCode(s string) string {
	if len(s) > 4*codeLen {
		return ""
	}
	code := strings.Map(func(r rune) rune {
		switch r {
		case ' ', '-':
			return -1
		case 'O', 'o':
			return '0'
		case 'I', 'i', 'L', 'l':
			return '1'
		}
		return r
	}, s)
	if code = strings.ToUpper(code); !validCode(code) {
		return ""
	}
	return code
}

func validCode(code string) bool {
	return len(code) == codeLen && strings.Trim(code, codeAlphabet) == ""
}

// setPrivate makes r, a fresh copy, private or public. A private room gets a code, unless the command is from before there
// were any and brings no random bytes.
func (d *Directory) setPrivate(r *Room, private bool, random []byte) error {
	r.Private = private
	switch {
	case !private:
		r.Code = ""
	case r.Code == "" && len(random) > 0:
		if r.Code = d.t.idx.freeCode(random); r.Code == "" {
			return ErrRoomExists
		}
	}
	return nil
}
