//go:build !race

package simulation_test

const underRace = false
