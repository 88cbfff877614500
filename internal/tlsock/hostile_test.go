//go:build linux

package tlsock

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
)

// A forger writes TLS 1.3 records as a client that may do what it likes: crypto/tls sends no messages after the handshake.
type forger struct {
	tb     testing.TB
	secret []byte
	seq    uint64
}

// newForger takes over what the pair's client sends; the client goes on reading.
func newForger(tb testing.TB) (*pair, *forger) {
	tb.Helper()
	var keys bytes.Buffer
	p := newPairOf(tb, func(server, client *tls.Config) { client.KeyLogWriter = &keys }, nil)
	if got := p.peer.ConnectionState().CipherSuite; got != tls.TLS_AES_128_GCM_SHA256 {
		tb.Skipf("the forger speaks AES-128-GCM, this machine prefers %s", tls.CipherSuiteName(got))
	}
	for line := range strings.Lines(keys.String()) {
		if f := strings.Fields(line); f[0] == "CLIENT_TRAFFIC_SECRET_0" {
			secret, err := hex.DecodeString(f[2])
			if err != nil {
				tb.Fatal(err)
			}
			return p, &forger{tb: tb, secret: secret}
		}
	}
	tb.Fatal("no secret was logged")
	return nil, nil
}

// expand is HKDF-Expand-Label of RFC 8446, 7.1, without a context.
func (f *forger) expand(label string, n int) []byte {
	label = "tls13 " + label
	info := append([]byte{0, byte(n), byte(len(label))}, label...)
	out, err := hkdf.Expand(sha256.New, f.secret, string(append(info, 0)), n)
	if err != nil {
		f.tb.Fatal(err)
	}
	return out
}

// record seals one record: 23 is data, 22 a handshake message.
func (f *forger) record(kind byte, payload []byte) []byte {
	block, err := aes.NewCipher(f.expand("key", 16))
	if err != nil {
		f.tb.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		f.tb.Fatal(err)
	}
	nonce := f.expand("iv", 12)
	binary.BigEndian.PutUint64(nonce[4:], binary.BigEndian.Uint64(nonce[4:])^f.seq)
	f.seq++
	head := binary.BigEndian.AppendUint16([]byte{23, 3, 3}, uint16(len(payload)+1+16))
	return aead.Seal(slices.Clone(head), nonce, append(slices.Clone(payload), kind), head)
}

// keyUpdate asks for new keys, and goes on with new ones itself.
func (f *forger) keyUpdate() []byte {
	r := f.record(22, []byte{24, 0, 0, 1, 1})
	f.secret, f.seq = f.expand("traffic upd", 32), 0
	return r
}

// New keys are agreed on while play goes on; the request may come in pieces.
func TestKeyUpdate(t *testing.T) {
	p, f := newForger(t)
	buf := make([]byte, 256)
	for round := range 20 {
		update := f.keyUpdate()
		p.raw.Write(update[:7])
		p.await()
		p.conn.Recv(buf)
		p.raw.Write(update[7:])
		p.raw.Write(f.record(23, []byte("in")))
		if n, err := p.recv(buf); string(buf[:n]) != "in" || err != nil {
			t.Fatalf("round %d: Recv = %q, %v", round, buf[:n], err)
		}
		p.conn.Send([]byte("out"))
		if got := p.read(3); string(got) != "out" {
			t.Fatalf("round %d: the peer read %q", round, got)
		}
	}
}

func TestHostileRecords(t *testing.T) {
	for _, tt := range []struct {
		name string
		send func(f *forger) []byte
		want error // nil: one of crypto/tls
	}{
		{"requests for keys", func(f *forger) (b []byte) {
			for range 100 {
				b = append(append(b, f.keyUpdate()...), f.record(23, []byte("x"))...)
			}
			return b
		}, errAnswers},
		{"a message that never ends", func(f *forger) (b []byte) {
			b = f.record(22, []byte{24, 0, 0xea, 0x60})
			for range 40 {
				b = append(b, f.record(22, make([]byte, 1000))...)
			}
			return b
		}, errSilent},
		{"empty records", func(f *forger) (b []byte) {
			for range 100 {
				b = append(b, f.record(23, nil)...)
			}
			return b
		}, nil},
		{"a client's first message", func(f *forger) []byte { return f.record(22, []byte{1, 0, 0, 0}) }, nil},
		{"a record that is too long", func(*forger) []byte { return []byte{23, 3, 3, 0xff, 0xff} }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, f := newForger(t)
			if _, err := p.raw.Write(tt.send(f)); err != nil {
				t.Fatal(err)
			}
			if _, err := p.end(); tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("it ends with %v, want %v", err, tt.want)
			}
			if held := p.conn.below.silent; held > 2*maxSilent {
				t.Errorf("%d bytes were taken that are no data", held)
			}
		})
	}
}

// Records of one byte are as good as others, and cost what they weigh: a Recv takes no more from the socket than its buffer is long.
func TestTinyRecords(t *testing.T) {
	p, f := newForger(t)
	var all []byte
	for i := range 2000 {
		all = append(all, f.record(23, []byte{byte(i)})...)
	}
	go p.raw.Write(all)
	buf := make([]byte, 4<<10)
	for got := 0; got < 2000; {
		n, err := p.recv(buf)
		if err != nil || n > len(buf)/(5+1+1+16)+1 {
			t.Fatalf("Recv = %d, %v", n, err)
		}
		for i := range n {
			if buf[i] != byte(got+i) {
				t.Fatalf("byte %d is %d", got+i, buf[i])
			}
		}
		got += n
	}
}
