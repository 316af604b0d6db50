import MartletCommand

Launcher.main()
