// Copied to scripts/rest/push below the home folder, this file opens the endpoint
//     POST /rest/push/unregister-device/{push component's JID}
// at the ports of 'httpServer' (8080 unless the configuration says otherwise),
// as the handler of Tigase's component does there. What it holds is not read.
// Take the copy away, or set 'push-unregister' = false, and the ports stay shut.
