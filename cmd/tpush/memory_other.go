//go:build !linux

package main

// forgetProgramPages is not done here.
func forgetProgramPages() {}
