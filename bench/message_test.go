package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/chappe-im/chappe/internal/canonicaljson"
)

func TestContentsHaveTheirSizeAndAreReadBack(t *testing.T) {
	for _, size := range []int{minSize, 256, maxSize} {
		c := newCodec(size)
		sent := []message{{}, {at: time.Hour, from: 63, seq: 1_000_000}, {at: 1<<53 - 1, from: 99_999, seq: 1 << 40}}
		var events []string
		for _, m := range sent {
			content := c.append(nil, m)
			if len(content) != size || !json.Valid(content) {
				t.Fatalf("a content of size %d has %d bytes, or is no JSON", size, len(content))
			}
			if canonical, err := canonicaljson.Strict(content); err != nil || len(canonical) != size {
				t.Fatalf("a content is not canonical JSON, so that a server may write it differently: %v", err)
			}
			events = append(events, `{"content":`+string(content)+`,"sender":"@s:a","type":"t"}`)
		}
		var got []message
		if err := c.each(response(events...), func(m message) { got = append(got, m) }); err != nil || !slices.Equal(got, sent) {
			t.Errorf("size %d: read %v (%v), want %v", size, got, err, sent)
		}
	}
}

func TestDamageIsNoticed(t *testing.T) {
	c := newCodec(minSize)
	content := string(c.append(nil, message{at: 5, from: 1, seq: 12}))
	for name, damaged := range map[string]string{
		"cut off":            content[:40],
		"one byte in it":     content[:50] + "y" + content[51:],
		"another field":      `{"an":` + content[6:],
		"no number":          `{"at":"` + content[7:],
		"longer":             content[:50] + "x" + content[50:],
		"shorter":            content[:50] + content[51:],
		"empty":              `{}`,
		"of another program": `{"` + string(bytes.Repeat([]byte("z"), minSize)) + `":1}`,
	} {
		event := `{"content":` + damaged + `,"sender":"@s:a","type":"t"}`
		if err := c.each(response(event), func(message) {}); err == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
}

func TestNextBatchIsFoundOrMissed(t *testing.T) {
	if got, err := nextBatch(response()); err != nil || got != "t1" {
		t.Errorf("next_batch is %q (%v), want t1", got, err)
	}
	for _, bad := range []string{``, `{}`, `{"next_batch":""}`, `{"next_batch":"t1`} {
		if got, err := nextBatch([]byte(bad)); err == nil {
			t.Errorf("%s: next_batch is %q, want an error", bad, got)
		}
	}
}

// response is that of /sync with these events.
func response(events ...string) []byte {
	out := `{"next_batch":"t1","to_device":{"events":[`
	for i, event := range events {
		if i > 0 {
			out += ","
		}
		out += event
	}
	return []byte(out + `]}}`)
}
