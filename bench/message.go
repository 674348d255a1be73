package main

import (
	"bytes"
	"errors"
	"strconv"
	"time"
)

const (
	// minSize has room for the fields with any number, and maxSize for what a server
	// takes.
	minSize = 96
	maxSize = 60_000
)

// A message is what the generator writes into a content.
type message struct {
	at   time.Duration // when it was sent, on the generator's clock
	from int           // the sender
	seq  int64         // 0 for the sender's first message, then 1, and so on
}

// A codec writes contents of one size and reads them back. It knows their form to
// the byte, which is that of canonical JSON: reading costs next to nothing, and
// any damage shows.
type codec struct {
	size    int
	padding []byte
}

func newCodec(size int) codec {
	return codec{size: size, padding: bytes.Repeat([]byte("x"), size)}
}

// append writes the content of a message.
func (c codec) append(out []byte, m message) []byte {
	begin := len(out)
	out = append(out, `{"at":`...)
	out = strconv.AppendInt(out, int64(m.at), 10)
	out = append(out, `,"from":`...)
	out = strconv.AppendInt(out, int64(m.from), 10)
	out = append(out, `,"pad":"`...)
	seq := strconv.AppendInt(nil, m.seq, 10)
	pad := c.size - (len(out) - begin) - len(`","seq":`) - len(seq) - len(`}`)
	out = append(out, c.padding[:pad]...)
	out = append(out, `","seq":`...)
	out = append(out, seq...)
	return append(out, '}')
}

var errDamaged = errors.New("a message arrived damaged")

// each calls do for every message of a /sync response, in order.
func (c codec) each(response []byte, do func(message)) error {
	key := []byte(`"content":`)
	for {
		i := bytes.Index(response, key)
		if i < 0 {
			return nil
		}
		response = response[i+len(key):]
		if len(response) < c.size {
			return errDamaged
		}
		m, ok := c.parse(response[:c.size])
		if !ok {
			return errDamaged
		}
		do(m)
		response = response[c.size:]
	}
}

func (c codec) parse(content []byte) (m message, ok bool) {
	r := reader{rest: content, ok: true}
	r.skip(`{"at":`)
	m.at = time.Duration(r.number())
	r.skip(`,"from":`)
	m.from = int(r.number())
	r.skip(`,"pad":"`)
	pad := max(bytes.IndexByte(r.rest, '"'), 0)
	r.ok = r.ok && bytes.Equal(r.rest[:pad], c.padding[:pad])
	r.rest = r.rest[pad:]
	r.skip(`","seq":`)
	m.seq = r.number()
	r.skip(`}`)
	return m, r.ok && len(r.rest) == 0
}

// A reader takes a content apart from its beginning; ok until something else
// stands there.
type reader struct {
	rest []byte
	ok   bool
}

func (r *reader) skip(text string) {
	rest, found := bytes.CutPrefix(r.rest, []byte(text))
	r.rest, r.ok = rest, r.ok && found
}

func (r *reader) number() (n int64) {
	digits := 0
	for digits < len(r.rest) && '0' <= r.rest[digits] && r.rest[digits] <= '9' {
		n = n*10 + int64(r.rest[digits]-'0')
		digits++
	}
	r.rest, r.ok = r.rest[digits:], r.ok && digits > 0
	return n
}

// nextBatch finds the token for the next sync in a response.
func nextBatch(response []byte) (string, error) {
	_, rest, found := bytes.Cut(response, []byte(`"next_batch":"`))
	token, _, closed := bytes.Cut(rest, []byte(`"`))
	if !found || !closed || len(token) == 0 {
		return "", errors.New("a /sync response has no next_batch")
	}
	return string(token), nil
}
