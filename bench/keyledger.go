package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// A keyLedger knows which one-time keys there are and which were given out.
type keyLedger struct {
	devices map[[2]string]person // by user and device ID
	each    int                  // keys of a device, numbered from 0
	given   map[givenKey]struct{}
	verdict verdict
}

type givenKey struct {
	device person
	number int
}

func newKeyLedger(devices []person, each int) *keyLedger {
	l := &keyLedger{devices: make(map[[2]string]person), each: each, given: make(map[givenKey]struct{})}
	for _, p := range devices {
		l.devices[[2]string{p.id(), p.device}] = p
	}
	return l
}

// note enters the keys of an answer to a claim. One that was never uploaded, or is not
// as it was uploaded, counts as misdelivered.
func (l *keyLedger) note(answer []byte) error {
	var a struct {
		OneTimeKeys map[string]map[string]map[string]json.RawMessage `json:"one_time_keys"`
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return fmt.Errorf("read the answer to a claim: %w", err)
	}
	for user, byDevice := range a.OneTimeKeys {
		for device, keys := range byDevice {
			for name, key := range keys {
				l.noteKey([2]string{user, device}, name, key)
			}
		}
	}
	return nil
}

func (l *keyLedger) noteKey(device [2]string, name string, key json.RawMessage) {
	p, known := l.devices[device]
	number, err := strconv.Atoi(strings.TrimPrefix(name, oneTimeKeyPrefix))
	if !known || err != nil || number < 0 || number >= l.each || !bytes.Equal(key, oneTimeKey(p, number)) {
		l.verdict.Misdelivered++
		return
	}
	given := givenKey{p, number}
	if _, again := l.given[given]; again {
		l.verdict.Duplicated++
	}
	l.given[given] = struct{}{}
}

// close gives the verdict when every key should have been given out.
func (l *keyLedger) close() verdict {
	v := l.verdict
	v.Lost += int64(len(l.devices)*l.each - len(l.given))
	return v
}
