//go:build race

package sqlite

// raceDetector tells whether these tests were built with the race detector.
const raceDetector = true
