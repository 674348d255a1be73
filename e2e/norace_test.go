//go:build !race

package e2e_test

// raceDetector tells whether these tests, and so the servers they start, were built
// with the race detector.
const raceDetector = false
