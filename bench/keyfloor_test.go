package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// served is a server that answers with a handler, and that this process is.
func served(t *testing.T, handler http.Handler) *process {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return ownProcess(t, strings.TrimPrefix(server.URL, "http://"))
}

func TestTheFloorGivesTheKeysItTook(t *testing.T) {
	devices := atDevices(people("d", 4, aloneServer), 3)
	for i := range devices {
		devices[i].crossSigning = i < 6
	}
	p := served(t, newFloor())
	uploaded, err := quiet().uploadAll(t.Context(), p, devices, uploadBodies(devices, 7), 7)
	if err != nil || !uploaded.verdict.kept() || uploaded.requests != 12 || uploaded.units != 12*8 {
		t.Errorf("%d requests with %d keys, %v (%v), want 12 with 8 each", uploaded.requests, uploaded.units, uploaded.verdict, err)
	}
	if got, err := checkDeviceKeys(t.Context(), p, devices); err != nil || !got.kept() {
		t.Errorf("the verdict on the device keys is: %v (%v)", got, err)
	}
}

// A generator that cannot fail a server proves nothing.
func TestAServerThatGivesKeysOutBadlyIsFoundOut(t *testing.T) {
	devices, claimers := people("d", claimBatch, aloneServer), people("s", 4, aloneServer)
	for name, test := range map[string]struct {
		damage func(path, answer string) string
		good   func(verdict) bool
	}{
		"does its duties": {func(_, answer string) string { return answer }, verdict.kept},
		"gives none": {func(path, answer string) string {
			if path == claimPath {
				return `{"one_time_keys":{}}`
			}
			return answer
		}, func(v verdict) bool { return v == verdict{Lost: claimBatch * oneTimeKeysEach} }},
		"gives the first ones for ever": {repeatFirst(), func(v verdict) bool { return v.Lost > 0 && v.Duplicated > 0 && v.Misdelivered == 0 }},
		"gives others": {func(_, answer string) string {
			return strings.Replace(answer, oneTimeKeyPrefix, oneTimeKeyPrefix+"9", 1)
		},
			func(v verdict) bool { return v.Misdelivered > 0 && v.Lost > 0 }},
		"counts less": {func(_, answer string) string {
			return strings.Replace(answer, `"signed_curve25519":50`, `"signed_curve25519":49`, 1)
		},
			func(v verdict) bool { return v == verdict{Lost: claimBatch} }},
		"counts more": {func(_, answer string) string {
			return strings.Replace(answer, `"signed_curve25519":50`, `"signed_curve25519":52`, 1)
		},
			func(v verdict) bool { return v == verdict{Duplicated: 2 * claimBatch} }},
	} {
		t.Run(name, func(t *testing.T) {
			b, p := quiet(), served(t, damaged(newFloor(), test.damage))
			uploaded, err := b.uploadAll(t.Context(), p, devices, uploadBodies(devices, oneTimeKeysEach), oneTimeKeysEach)
			if err != nil {
				t.Fatal(err)
			}
			claimed, err := b.claimAll(t.Context(), p, claimers, devices)
			if got := claimed.verdict.plus(uploaded.verdict); err != nil || !test.good(got) {
				t.Errorf("the verdict is %+v (%v)", got, err)
			}
		})
	}
}

// damaged does something to each answer of a server.
func damaged(h http.Handler, damage func(path, answer string) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		w.WriteHeader(answer.Code)
		_, _ = io.WriteString(w, damage(r.URL.Path, answer.Body.String()))
	})
}

// repeatFirst answers each claim as the first one of its size.
func repeatFirst() func(path, answer string) string {
	first := make(chan map[bool]string, 1)
	first <- make(map[bool]string)
	return func(path, answer string) string {
		if path != claimPath {
			return answer
		}
		known := <-first
		defer func() { first <- known }()
		large := bytes.Count([]byte(answer), []byte(oneTimeKeyPrefix)) > 1
		if known[large] == "" {
			known[large] = answer
		}
		return known[large]
	}
}
