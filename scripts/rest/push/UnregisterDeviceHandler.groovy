// This file being here opens the endpoint
//     POST /rest/push/unregister-device/{push component's JID}
// at the ports of 'httpServer' (8080 unless the configuration says otherwise),
// as the handler of Tigase's component does. What it holds is not read.
// Take it away, or set 'push-unregister' = false, and the ports stay shut.
