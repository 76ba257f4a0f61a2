package main

import "testing"

// TestFaultsFit finds the faults that no longer fit the source, which a run would find after an hour.
func TestFaultsFit(t *testing.T) {
	t.Chdir("../../..")
	for _, m := range mutants {
		if _, err := m.overlay(t.TempDir()); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
}
