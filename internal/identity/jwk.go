package identity

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// The algorithms of tokens (RFC 7518, RFC 8037).
const (
	algHS256 = "HS256"
	algRS256 = "RS256"
	algES256 = "ES256"
	algEdDSA = "EdDSA"
)

// Bounds of a set. An account service has two or three keys; the size of an RSA key is what a verification costs.
const (
	maxSetKeys  = 64
	maxKIDBytes = 256
	minRSABits  = 2048
	maxRSABits  = 8192
)

// A publicKey verifies tokens of one alg.
type publicKey struct {
	kid, alg string
	key      any // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
}

// jwk is one key of a set (RFC 7517); each kty has other members.
type jwk struct {
	Kty, Use, Kid, Alg, Crv string
	KeyOps                  []string `json:"key_ops"`
	N, E, X, Y              string
	D                       string
}

// errUnused is why a key is skipped: it may well be for something else.
var errUnused = errors.New("not a key that verifies tokens here")

// parseSet reads a set of keys. Keys of other kinds and uses are skipped; one that is meant for us and broken is an error, and
// so is a set without any key for us.
func parseSet(text []byte) ([]publicKey, error) {
	var set struct{ Keys []jwk }
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("not a JSON Web Key Set: %w", err)
	}
	if len(set.Keys) > maxSetKeys {
		return nil, fmt.Errorf("%d keys in the set, at most %d", len(set.Keys), maxSetKeys)
	}
	var keys []publicKey
	for i := range set.Keys {
		k, err := set.Keys[i].public()
		switch {
		case errors.Is(err, errUnused):
		case err != nil:
			return nil, fmt.Errorf("key %d (%.40q): %w", i+1, set.Keys[i].Kid, err)
		default:
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("no key for RS256, ES256 or EdDSA in the set")
	}
	return keys, nil
}

func (j *jwk) public() (k publicKey, err error) {
	k.kid = j.Kid
	if j.Use != "" && j.Use != "sig" || len(j.KeyOps) > 0 && !slices.Contains(j.KeyOps, "verify") {
		return k, errUnused
	}
	switch {
	case j.Kty == "RSA":
		k.alg = algRS256
	case j.Kty == "EC" && j.Crv == "P-256":
		k.alg = algES256
	case j.Kty == "OKP" && j.Crv == "Ed25519":
		k.alg = algEdDSA
	default:
		return k, errUnused
	}
	if j.Alg != "" && j.Alg != k.alg && (k.alg != algEdDSA || j.Alg != "Ed25519") { // RFC 9864 renames it
		return k, errUnused
	}
	switch {
	case len(j.Kid) > maxKIDBytes:
		return k, fmt.Errorf("kid of %d bytes, at most %d", len(j.Kid), maxKIDBytes)
	case j.D != "":
		return k, errors.New("a private key: publish the public one only, and make a new one")
	}
	switch k.alg {
	case algRS256:
		k.key, err = j.rsa()
	case algES256:
		k.key, err = j.ecdsa()
	default:
		k.key, err = j.ed25519()
	}
	return k, err
}

func (j *jwk) rsa() (*rsa.PublicKey, error) {
	n, err := decode("n", j.N, 0)
	if err != nil {
		return nil, err
	}
	e, err := decode("e", j.E, 0)
	if err != nil {
		return nil, err
	}
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(n)}
	if bits := key.N.BitLen(); bits < minRSABits || bits > maxRSABits {
		return nil, fmt.Errorf("RSA key of %d bits: want %d to %d", bits, minRSABits, maxRSABits)
	}
	exponent := new(big.Int).SetBytes(e)
	if exponent.BitLen() > 31 || exponent.Bit(0) == 0 || exponent.Cmp(big.NewInt(3)) < 0 {
		return nil, errors.New("RSA exponent: want an odd number from 3 below 2^31")
	}
	key.E = int(exponent.Int64())
	return key, nil
}

func (j *jwk) ecdsa() (*ecdsa.PublicKey, error) {
	x, err := decode("x", j.X, 32)
	if err != nil {
		return nil, err
	}
	y, err := decode("y", j.Y, 32)
	if err != nil {
		return nil, err
	}
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y)) // checks that it is on the curve
}

func (j *jwk) ed25519() (ed25519.PublicKey, error) {
	x, err := decode("x", j.X, ed25519.PublicKeySize)
	return ed25519.PublicKey(x), err
}

// decode reads a member in base64url; size 0 means any.
func decode(name, text string, size int) ([]byte, error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%s is not base64url: %w", name, err)
	}
	if len(b) == 0 || size > 0 && len(b) != size {
		return nil, fmt.Errorf("%s is %d bytes long, want %d", name, len(b), size)
	}
	return bytes.Clone(b), nil
}
