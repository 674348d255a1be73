package rtmtoken

import (
	"bytes"
	"compress/zlib"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"testing"
	"time"
)

// A token for "alice" and six characters is signed over bytes that can be read as a token
// for "alice" where its salt is right, and makers of tokens draw many.
func TestATokenForALongerNameIsNoneForItsBeginning(t *testing.T) {
	for _, salt := range []uint32{2<<16 | 0x7fff, 2<<16 | 0xffff} {
		longer := app.build006("alice"+"abcdef", uint32(at.Unix()), 60, salt)
		content, err := base64.StdEncoding.DecodeString(longer[3+appIDLength:])
		if err != nil {
			t.Fatal(err)
		}
		honest, _ := parse006(content)
		message := append([]byte("abcdef"), honest.message...)
		forged := appendBytes(nil, honest.signature)
		forged = binary.LittleEndian.AppendUint32(forged, crc32.ChecksumIEEE([]byte("alice")))
		forged = binary.LittleEndian.AppendUint32(forged, 0)
		forged = appendBytes(forged, message)
		// What makes it dangerous: it is well formed, is signed, lets in, and has not expired.
		read, ok := parse006(forged)
		if _, login := read.privileges[loginRTM]; !ok || !login || read.until < at.Unix() ||
			!bytes.Equal(read.signature, app.sign006("alice", read.message)) {
			t.Fatalf("salt %#x makes no forgery: %+v", salt, read)
		}
		token := string(V006) + app.ID + base64.StdEncoding.EncodeToString(forged)
		if uid, err := Check(token, app, "alice", at); uid != "" || err != NotYetValid {
			t.Errorf("salt %#x: got %q, %v", salt, uid, err)
		}
	}
}

// wrap writes bytes as a token of V007 is written.
func wrap(packed []byte) string {
	var compressed bytes.Buffer
	z := zlib.NewWriter(&compressed)
	_, _ = z.Write(packed)
	_ = z.Close()
	return string(V007) + base64.StdEncoding.EncodeToString(compressed.Bytes())
}

// sign signs a body as one of V007 that was issued at the given time with salt 1.
func sign(issued uint32, body []byte) []byte {
	return append(appendBytes(nil, app.sign007(issued, 1, body)), body...)
}

func TestALittleTokenThatInflatesToMuchIsMalformed(t *testing.T) {
	issued := uint32(at.Unix())
	honest, ok := inflate(app.build007("Ann", issued, 60, 1)[3:])
	if !ok {
		t.Fatal("the token does not inflate")
	}
	body := honest[2+32:]
	for size, want := range map[int]error{maxInflated: nil, maxInflated + 1: Malformed, 10 << 20: Malformed} {
		token := wrap(sign(issued, append(bytes.Clone(body), make([]byte, size-len(honest))...)))
		if len(token) > maxToken {
			t.Fatalf("%d bytes take %d", size, len(token))
		}
		if _, err := Check(token, app, "Ann", at); err != want {
			t.Errorf("%d bytes: got %v, want %v", size, err, want)
		}
	}
}

func TestALongTokenIsMalformed(t *testing.T) {
	honest, _ := inflate(app.build007("Ann", uint32(at.Unix()), 60, 1)[3:])
	for size, want := range map[int]error{8 << 10: nil, 16 << 10: Malformed} {
		noise := make([]byte, size)
		_, _ = rand.Read(noise) // it cannot be compressed
		token := wrap(sign(uint32(at.Unix()), append(bytes.Clone(honest[2+32:]), noise...)))
		if _, err := Check(token, app, "Ann", at); err != want {
			t.Errorf("%d bytes: got %v, want %v", len(token), err, want)
		}
	}
}

func TestATokenForNobodyIsForNobody(t *testing.T) {
	issued := uint32(at.Unix())
	for _, token := range []string{app.build006("", issued, 60, 1), app.build007("", issued, 60, 1)} {
		for _, uid := range []string{"", "Ann"} {
			if got, err := Check(token, app, uid, at); got != "" || err != UIDMismatch {
				t.Errorf("%s for %q: got %q, %v", token[:3], uid, got, err)
			}
		}
	}
}

// Every beginning of a token, and every token with a byte changed, added or taken away,
// is refused; nothing panics. Only how the bytes are compressed is open.
func TestNothingButTheTokenItselfIsGood(t *testing.T) {
	for _, format := range []Format{V006, V007} {
		token := build(t, format, app, "Ann", time.Hour)
		packed, _ := inflate(token[len(format):])
		bad := func(changed string) {
			if same, ok := inflate(strings.TrimPrefix(changed, string(V007))); ok && bytes.Equal(same, packed) {
				return
			}
			if uid, err := Check(changed, app, "Ann", at); err == nil || uid != "" {
				t.Errorf("%q is taken for %q", changed, token)
			}
		}
		for i := range token {
			bad(token[:i])
			bad(token[:i] + "A" + token[i:])
			bad(token[:i] + token[i+1:])
			bad(token[:i] + string(token[i]^1) + token[i+1:])
		}
		bad(token + "A")
		bad(token + token)
	}
}

// What stands behind the parts of a token of V006 is not signed, and what stands behind
// the zlib stream of V007 is neither.
func TestATokenHasNothingBehindIt(t *testing.T) {
	for _, format := range []Format{V006, V007} {
		token := build(t, format, app, "Ann", time.Hour)
		head := len(V007)
		if format == V006 {
			head += appIDLength
		}
		content, err := base64.StdEncoding.DecodeString(token[head:])
		if err != nil {
			t.Fatal(err)
		}
		longer := token[:head] + base64.StdEncoding.EncodeToString(append(content, 0))
		if _, err := Check(longer, app, "Ann", at); err != Malformed {
			t.Errorf("%s: %v", format, err)
		}
	}
}

func TestManyServicesAreReadToTheirEnd(t *testing.T) {
	issued := uint32(at.Unix())
	body := appendBytes(nil, app.ID)
	for _, n := range []uint32{issued, 60, 1} {
		body = binary.LittleEndian.AppendUint32(body, n)
	}
	head := len(body)
	body = binary.LittleEndian.AppendUint16(body, 0xffff)
	if _, err := Check(wrap(sign(issued, body)), app, "Ann", at); err != Malformed {
		t.Errorf("65,535 services of which none is there: %v", err)
	}
	for range 100 {
		body = binary.LittleEndian.AppendUint16(body, serviceRTC)
		body = append(body, 0, 0, 0, 0, 0, 0)
	}
	if _, err := Check(wrap(sign(issued, body)), app, "Ann", at); err != Malformed {
		t.Errorf("65,535 services of which 100 are there: %v", err)
	}
	binary.LittleEndian.PutUint16(body[head:], 100)
	if _, err := Check(wrap(sign(issued, body)), app, "Ann", at); err != NoRTMService {
		t.Errorf("100 services, none of RTM: %v", err)
	}
}

// FuzzCheck: whatever strangers send is refused for a reason, unless it has been signed
// with the certificate.
func FuzzCheck(f *testing.F) {
	for _, v := range vectors(f) {
		uid := ""
		if v.Check.UID != nil {
			uid = *v.Check.UID
		}
		f.Add(v.Token, uid, v.Check.Now)
	}
	vendor := App{ID: "a1b2c3d4e5f60718293a4b5c6d7e8f90", Certificate: "0f1e2d3c4b5a69788796a5b4c3d2e1f0"}
	f.Fuzz(func(t *testing.T, token, uid string, now int64) {
		got, err := Check(token, vendor, uid, time.Unix(now, 0))
		if _, ok := err.(Reason); err != nil && (!ok || got != "") {
			t.Errorf("refused with %q, %v", got, err)
		}
		if err == nil && (got == "" || uid != "" && got != uid) {
			t.Errorf("%q was let in as %q", uid, got)
		}
		if _, err := Check(token, App{ID: vendor.ID}, uid, time.Unix(now, 0)); err == nil {
			t.Error("an app without certificate lets in")
		}
	})
}

// FuzzBuild: what is built is good, at once and to its last second.
func FuzzBuild(f *testing.F) {
	f.Add("Ann", int64(1_800_000_000), int64(3600))
	f.Add("@bob:example.org", int64(0), int64(86400))
	f.Fuzz(func(t *testing.T, uid string, now, life int64) {
		for _, format := range []Format{V006, V007} {
			made := time.Unix(now, 0)
			token, err := Build(format, app, uid, made, time.Duration(life)*time.Second)
			if err != nil {
				continue
			}
			for _, at := range []time.Time{made, made.Add(time.Duration(life) * time.Second)} {
				if got, err := Check(token, app, uid, at); got != uid || err != nil {
					t.Errorf("%s for %q: %q, %v at %v", format, uid, got, err, at)
				}
			}
		}
	})
}
