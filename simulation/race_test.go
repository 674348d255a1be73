//go:build race

package simulation_test

// underRace: everything takes several times as long.
const underRace = true
