package main

import (
	"bytes"
	"strconv"
	"time"
)

// payloads are the texts of RTM messages, all of one size, minSize at least: nothing in them changes
// when it is written as JSON, and once more as JSON in a string, so that a payload is
// found in a frame without reading the frame as JSON.
type payloads struct {
	size    int
	padding []byte
}

const payloadMark = "chappe-bench:"

func newPayloads(size int) payloads {
	return payloads{size: size, padding: bytes.Repeat([]byte("x"), size)}
}

// append writes chappe-bench:at:from:seq: and as many x as make up the size.
func (p payloads) append(out []byte, m message) []byte {
	begin := len(out)
	out = append(out, payloadMark...)
	for _, n := range []int64{int64(m.at), int64(m.from), m.seq} {
		out = strconv.AppendInt(out, n, 10)
		out = append(out, ':')
	}
	return append(out, p.padding[:max(p.size-(len(out)-begin), 0)]...)
}

// find reads the payload in a frame. There may be none.
func (p payloads) find(frame []byte) (m message, found bool, err error) {
	begin := bytes.Index(frame, []byte(payloadMark))
	if begin < 0 {
		return m, false, nil
	}
	r := reader{rest: frame[begin+len(payloadMark):], ok: true}
	m.at = time.Duration(r.number())
	r.skip(":")
	m.from = int(r.number())
	r.skip(":")
	m.seq = r.number()
	r.skip(":")
	pad := p.size - (len(frame) - len(r.rest) - begin)
	if !r.ok || pad < 0 || pad >= len(r.rest) || !bytes.Equal(r.rest[:pad], p.padding[:pad]) || r.rest[pad] == 'x' {
		return m, true, errDamaged
	}
	return m, true, nil
}
