// Apple's `import WebKit` brings Foundation, in which the network's types are; on Linux they are a module of their own.
@_exported import Foundation
@_exported import FoundationNetworking
